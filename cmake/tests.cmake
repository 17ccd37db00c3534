# SPDX-License-Identifier: Apache-2.0
# Tests that ctest runs, all from the top folder:
#
#   tests/unit/<room>/test_*.c    cmocka, linked with the room and those that it may call
#   plugins/<name>/test_*.c       cmocka and liba6test, linked with the plugin's code
#   tests/wire_google/*.cc        our codec against Google's
#   tests/fuzz/fuzz_*.c, .cc      run over tests/fuzz/corpus/<name>/; with A6_FUZZ, fuzzed

pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

set(a6_test_definitions
    A6_SOURCE_DIR="${CMAKE_SOURCE_DIR}" A6_BUILD_DIR="${CMAKE_BINARY_DIR}")

# gcc does not know that a failed assertion of cmocka does not return, and takes what
# comes after it for reachable with variables that were never set.
set(a6_test_options $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)

# Allocations of a test can be made to fail: tests/support/fail_alloc.h.
# __wrap_malloc is asked for from the start: what the compiler links last (libgcov) needs it too.
set(a6_wrap_options -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=mmap -Wl,--undefined=__wrap_malloc)

# System calls of the server can be made to fail too, and its time can stand still:
# tests/support/fail_call.h and server_rig.h.
set(a6_wrap_server_options
    -Wl,--wrap=send,--wrap=sendmsg,--wrap=recv,--wrap=accept4,--wrap=poll
    -Wl,--wrap=epoll_ctl,--wrap=epoll_wait,--wrap=clock_gettime,--wrap=pthread_create
    -Wl,--wrap=timerfd_settime)

file(GLOB support_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/support/*.c)
add_library(a6_test_support STATIC ${support_sources})
target_link_libraries(a6_test_support PRIVATE a6_host_flags)
target_compile_definitions(a6_test_support PRIVATE ${a6_test_definitions})
target_include_directories(a6_test_support PUBLIC ${CMAKE_SOURCE_DIR}/tests)

# A room with all that it needs, and the helpers of tests/support, which call rooms too.
function(a6_link_room name room)
    a6_room_archives(${room} archives)
    list(JOIN archives "," archives)
    target_link_libraries(${name} PRIVATE a6_host_flags
        "$<LINK_GROUP:RESCAN,a6_test_support,${archives}>" ${a6_room_libraries})
endfunction()

function(a6_add_test name)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300 ENVIRONMENT
        "A6_BUILD_DIR=${CMAKE_BINARY_DIR};ASAN_OPTIONS=detect_stack_use_after_return=1;UBSAN_OPTIONS=print_stacktrace=1")
endfunction()

# ---- unit tests ----

foreach(room base wire conf client plugin server testkit cli dev)
    file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${room}/test_*.c)
    foreach(source ${tests})
        get_filename_component(name ${source} NAME_WE)
        string(REGEX REPLACE "^test_" "unit_${room}_" name ${name})
        add_executable(${name} ${source})
        set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
            ${CMAKE_BINARY_DIR}/tests/unit)
        target_compile_definitions(${name} PRIVATE ${a6_test_definitions})
        target_compile_options(${name} PRIVATE ${a6_test_options})
        target_link_options(${name} PRIVATE ${a6_wrap_options})
        a6_link_room(${name} ${room})
        target_link_libraries(${name} PRIVATE PkgConfig::CMOCKA)
        if(room STREQUAL "server")
            target_link_options(${name} PRIVATE ${a6_wrap_server_options})
        endif()
        target_link_libraries(${name} PRIVATE ${a6_${room}_libraries})
        a6_add_test(${name} ${name})
    endforeach()
endforeach()

# ---- shared objects that unit tests load: tests/unit/<room>/fixtures/<name>.c ----

file(GLOB fixtures CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/*/fixtures/*.c)
foreach(source ${fixtures})
    get_filename_component(name ${source} NAME_WE)
    add_library(fixture_${name} SHARED ${source})
    set_target_properties(fixture_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/fixtures)
    target_link_libraries(fixture_${name} PRIVATE a6_flags)
endforeach()
# One that is no plugin itself but needs a library that is one.
if(TARGET fixture_borrowed)
    target_link_options(fixture_borrowed PRIVATE -Wl,--no-as-needed)
    target_link_libraries(fixture_borrowed PRIVATE fixture_good)
endif()

# ---- tests of plugins ----

get_property(targets DIRECTORY PROPERTY BUILDSYSTEM_TARGETS)
list(FILTER targets INCLUDE REGEX "^plugin_")
foreach(target ${targets})
    get_target_property(folder ${target} A6_FOLDER)
    if(NOT folder OR NOT TARGET a6test)
        continue()
    endif()
    get_filename_component(plugin ${folder} NAME)
    get_target_property(libraries ${target} A6_LIBRARIES)
    file(GLOB tests CONFIGURE_DEPENDS ${folder}/test_*.c)
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.c ${folder}/*.cpp)
    list(FILTER sources EXCLUDE REGEX "/test_[^/]*$")
    foreach(source ${tests})
        get_filename_component(name ${source} NAME_WE)
        string(REGEX REPLACE "^test_" "" name ${name})
        set(name plugin_test_${plugin}_${name})
        add_executable(${name} ${source} ${sources})
        set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
            ${CMAKE_BINARY_DIR}/tests/plugins)
        target_compile_definitions(${name} PRIVATE ${a6_test_definitions})
        target_compile_options(${name} PRIVATE ${a6_test_options})
        target_link_libraries(${name} PRIVATE a6_flags a6test PkgConfig::CMOCKA ${libraries})
        a6_add_test(${name} ${name})
    endforeach()
endforeach()

# ---- Google's implementation, to compare with ----

set(schema ${CMAKE_SOURCE_DIR}/tests/support/ext-plugin.fbs)
if(EXISTS ${schema})
    find_program(A6_FLATC flatc REQUIRED)
    set(generated ${CMAKE_BINARY_DIR}/generated)
    add_custom_command(OUTPUT ${generated}/ext-plugin_generated.h
        COMMAND ${A6_FLATC} --cpp -o ${generated} ${schema} DEPENDS ${schema} VERBATIM)
    add_custom_target(a6_google_header DEPENDS ${generated}/ext-plugin_generated.h)
    add_library(a6_google INTERFACE)
    target_include_directories(a6_google SYSTEM INTERFACE ${generated})
    add_dependencies(a6_google a6_google_header)

    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/wire_google/*.cc
         ${CMAKE_SOURCE_DIR}/tests/wire_google/*.c)
    # One thread, and slow to compile: not for ThreadSanitizer.
    if(sources AND NOT A6_SANITIZE MATCHES thread)
        add_executable(wire_google ${sources})
        set_target_properties(wire_google PROPERTIES RUNTIME_OUTPUT_DIRECTORY
            ${CMAKE_BINARY_DIR}/tests/unit)
        target_compile_definitions(wire_google PRIVATE ${a6_test_definitions})
        target_link_options(wire_google PRIVATE ${a6_wrap_options})
        a6_link_room(wire_google client)
        target_link_libraries(wire_google PRIVATE a6_google PkgConfig::CMOCKA)
        a6_add_test(wire_google wire_google)
    endif()
endif()

# ---- fuzz targets ----

file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.c
     ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.cc)
add_custom_target(fuzzers)
foreach(source ${fuzz_sources})
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" target ${name})
    add_executable(${name} ${source})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
        ${CMAKE_BINARY_DIR}/tests/fuzz)
    target_compile_definitions(${name} PRIVATE ${a6_test_definitions})
    a6_link_room(${name} cli)
    target_link_libraries(${name} PRIVATE ${a6_cli_libraries})
    if(target STREQUAL "server_connection")
        target_link_options(${name} PRIVATE ${a6_wrap_server_options})
    endif()
    if(TARGET a6_google)
        target_link_libraries(${name} PRIVATE a6_google)
    endif()
    add_dependencies(fuzzers ${name})
    if(A6_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.c)
        a6_add_test(${name} ${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${target})
    endif()
endforeach()
