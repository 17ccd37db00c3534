# SPDX-License-Identifier: Apache-2.0
# One shared object for each folder of plugins/. What is in the folder decides:
#
#   *.c, *.cpp        compiled and linked, but for test_*.c: those are its tests
#   *.rs              built by plain rustc, if there is one; <name>.rs or lib.rs is the root
#   plugin.cmake      optional, to name libraries:  set(PLUGIN_LIBRARIES PkgConfig::JANSSON)
#
# The top folder's CMakeLists.txt finds PkgConfig::JANSSON and PkgConfig::PCRE2.

find_program(A6_RUSTC rustc HINTS $ENV{HOME}/.cargo/bin /usr/bin)
if(A6_RUSTC)
    execute_process(COMMAND ${A6_RUSTC} --version RESULT_VARIABLE rustc_fails
                    OUTPUT_QUIET ERROR_QUIET)
    if(rustc_fails)
        set(A6_RUSTC A6_RUSTC-NOTFOUND CACHE FILEPATH "rustc" FORCE)
    endif()
endif()

function(a6_add_rust_plugin folder name output sources)
    if(NOT A6_RUSTC)
        message(STATUS "plugin ${name} is skipped: it is written in Rust and there is no rustc")
        return()
    endif()
    set(root ${folder}/lib.rs)
    if(NOT EXISTS ${root})
        string(REPLACE "-" "_" file_name ${name})
        foreach(candidate ${folder}/${name}.rs ${folder}/${file_name}.rs)
            if(EXISTS ${candidate})
                set(root ${candidate})
            endif()
        endforeach()
    endif()
    string(REPLACE "-" "_" crate ${name})
    add_custom_command(OUTPUT ${output}/${name}.so
        COMMAND ${CMAKE_COMMAND} -E make_directory ${output}
        COMMAND ${A6_RUSTC} --edition 2021 --crate-type cdylib --crate-name ${crate}
                -C opt-level=2 -C debuginfo=1 -C panic=abort -o ${output}/${name}.so ${root}
        DEPENDS ${sources} COMMENT "Building the Rust plugin ${name}" VERBATIM)
    add_custom_target(plugin_${name} ALL DEPENDS ${output}/${name}.so)
endfunction()

# The plugin in the folder, as <output>/<its name>.so.
function(a6_add_plugin folder output)
    get_filename_component(name ${folder} NAME)
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.c ${folder}/*.cpp)
    list(FILTER sources EXCLUDE REGEX "/test_[^/]*$")
    file(GLOB rust_sources CONFIGURE_DEPENDS ${folder}/*.rs)
    if(NOT sources AND rust_sources)
        a6_add_rust_plugin(${folder} ${name} ${output} "${rust_sources}")
        return()
    elseif(NOT sources)
        return()
    endif()

    set(PLUGIN_LIBRARIES "")
    include(${folder}/plugin.cmake OPTIONAL)
    add_library(plugin_${name} MODULE ${sources})
    target_link_libraries(plugin_${name} PRIVATE a6_flags ${PLUGIN_LIBRARIES})
    target_compile_options(plugin_${name} PRIVATE -fvisibility=hidden)
    # A sanitizer's functions are in the program that loads the plugin.
    if(NOT A6_SANITIZE)
        target_link_options(plugin_${name} PRIVATE -Wl,--no-undefined)
    endif()
    set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${output})
    set_property(TARGET plugin_${name} PROPERTY A6_LIBRARIES "${PLUGIN_LIBRARIES}")
    set_property(TARGET plugin_${name} PROPERTY A6_FOLDER ${folder})
endfunction()

file(GLOB plugin_folders CONFIGURE_DEPENDS LIST_DIRECTORIES true ${CMAKE_SOURCE_DIR}/plugins/*)
foreach(folder ${plugin_folders})
    if(IS_DIRECTORY ${folder})
        a6_add_plugin(${folder} ${CMAKE_BINARY_DIR}/plugins)
    endif()
endforeach()
