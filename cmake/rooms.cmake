# SPDX-License-Identifier: Apache-2.0
# The rooms of src/, the libraries made of them, and the programs c-runner and c-runner-dev.

# Which rooms a room may call, directly or not: the arrows of docs/architecture.md.
# An order in which a linker finds everything.
set(a6_needs_base base)
set(a6_needs_wire wire)
set(a6_needs_conf conf wire base)
set(a6_needs_client client wire base)
set(a6_needs_plugin plugin client wire base)
set(a6_needs_server server plugin conf client wire base)
set(a6_needs_testkit testkit server plugin conf client wire base)
set(a6_needs_dev dev client wire base)
set(a6_needs_cli cli testkit server plugin conf client wire base)
set(a6_room_libraries Threads::Threads PkgConfig::SECCOMP ${CMAKE_DL_LIBS} m)

# room_<name>: the objects. a6_<name>: an archive of them, for the room's tests.
set(a6_runner_objects "")
foreach(room base wire conf client plugin server testkit cli dev)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${room}/*.c)
    list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/src/${room}/main.c)
    if(room STREQUAL cli)
        include(cmake/templates.cmake)
        list(APPEND sources ${a6_templates_source})
    elseif(room STREQUAL dev)
        include(cmake/dev_page.cmake)
        list(APPEND sources ${a6_dev_page_source})
    endif()
    if(NOT sources)
        continue()
    endif()
    add_library(room_${room} OBJECT ${sources})
    target_link_libraries(room_${room} PRIVATE a6_host_flags Threads::Threads)
    target_compile_options(room_${room} PRIVATE ${a6_lto_flags})
    add_library(a6_${room} STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:room_${room}>)
    if(NOT room MATCHES "^(cli|dev|testkit)$")
        list(APPEND a6_runner_objects $<TARGET_OBJECTS:room_${room}>)
    endif()
endforeach()

# The archives of a room and of all that it needs.
function(a6_room_archives room result)
    set(archives "")
    foreach(needed ${a6_needs_${room}})
        if(TARGET a6_${needed})
            list(APPEND archives a6_${needed})
        endif()
    endforeach()
    set(${result} ${archives} PARENT_SCOPE)
endfunction()

if(a6_runner_objects)
    add_library(a6runner STATIC ${a6_runner_objects})
    target_link_libraries(a6runner PUBLIC ${a6_room_libraries})
    target_include_directories(a6runner INTERFACE ${CMAKE_SOURCE_DIR}/include)

    # Only the public names leave the shared library.
    add_library(a6runner_shared SHARED ${a6_runner_objects})
    target_link_libraries(a6runner_shared PUBLIC ${a6_room_libraries})
    target_link_options(a6runner_shared PRIVATE ${a6_lto_flags}
        -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/a6runner.map)
    set_target_properties(a6runner_shared PROPERTIES
        LINKER_LANGUAGE C OUTPUT_NAME a6runner VERSION ${A6_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}
        LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/a6runner.map)
    set_target_properties(a6runner PROPERTIES LINKER_LANGUAGE C)
endif()
if(TARGET room_testkit)
    # Stands alone: whoever tests a plugin links this one archive.
    add_library(a6test STATIC $<TARGET_OBJECTS:room_testkit> ${a6_runner_objects})
    target_link_libraries(a6test PUBLIC ${a6_room_libraries})
    target_include_directories(a6test INTERFACE ${CMAKE_SOURCE_DIR}/include)
endif()

set_source_files_properties(${CMAKE_SOURCE_DIR}/src/base/places.c PROPERTIES COMPILE_DEFINITIONS
    "PLACES_PREFIX=\"${CMAKE_INSTALL_PREFIX}\";PLACES_BINDIR=\"${CMAKE_INSTALL_BINDIR}\";PLACES_LIBDIR=\"${CMAKE_INSTALL_LIBDIR}\";PLACES_LIBEXECDIR=\"${CMAKE_INSTALL_LIBEXECDIR}\"")

# What a room needs of the system besides a6_room_libraries.
set(a6_cli_libraries PkgConfig::YAML PkgConfig::JANSSON)
set(a6_dev_libraries PkgConfig::YAML PkgConfig::JANSSON PkgConfig::MICROHTTPD m)

if(TARGET room_cli)
    target_link_libraries(room_cli PRIVATE ${a6_cli_libraries})
    set(testkit_objects "")
    if(TARGET room_testkit)
        set(testkit_objects $<TARGET_OBJECTS:room_testkit>)
    endif()
    # No -rdynamic: plugins must not find our functions by name.
    add_executable(c-runner src/cli/main.c $<TARGET_OBJECTS:room_cli> ${testkit_objects}
        ${a6_runner_objects})
    target_link_libraries(c-runner PRIVATE a6_host_flags ${a6_cli_libraries} ${a6_room_libraries})
    target_compile_options(c-runner PRIVATE ${a6_lto_flags})
    target_link_options(c-runner PRIVATE ${a6_lto_flags})
endif()

# A program of its own, which `c-runner dev` executes: only it links an HTTP server.
if(TARGET room_dev)
    target_link_libraries(room_dev PRIVATE ${a6_dev_libraries})
    a6_room_archives(dev archives)
    add_executable(c-runner-dev src/dev/main.c)
    target_link_libraries(c-runner-dev PRIVATE a6_host_flags ${archives} ${a6_dev_libraries}
        Threads::Threads)
    target_compile_options(c-runner-dev PRIVATE ${a6_lto_flags})
    target_link_options(c-runner-dev PRIVATE ${a6_lto_flags})
    add_dependencies(c-runner-dev c-runner)
endif()
