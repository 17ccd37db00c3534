# SPDX-License-Identifier: Apache-2.0
# Compiler flags for everything that is ours: link to a6_flags.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# Asserts are for the debug builds; the optimised ones are -O2 -g.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g")

add_library(a6_flags INTERFACE)
target_compile_options(a6_flags INTERFACE
    -Wall -Wextra -Wshadow -Wcast-qual -Wvla -Wformat=2 -Wno-format-nonliteral
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
    -fno-omit-frame-pointer)
if(A6_WERROR)
    target_compile_options(a6_flags INTERFACE -Werror)
endif()
target_include_directories(a6_flags INTERFACE ${CMAKE_SOURCE_DIR}/include)
target_link_options(a6_flags INTERFACE -Wl,-z,relro,-z,now)

# Our objects are position independent for the shared library, yet nobody is to
# replace a function within it, so the compiler may inline as in a program.
add_library(a6_host_flags INTERFACE)
target_link_libraries(a6_host_flags INTERFACE a6_flags)
target_compile_definitions(a6_host_flags INTERFACE _GNU_SOURCE)
target_include_directories(a6_host_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(a6_host_flags INTERFACE -fno-semantic-interposition)

# Sanitizers and coverage are for plugins and tests too.
if(A6_SANITIZE)
    add_compile_options(-fsanitize=${A6_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${A6_SANITIZE})
endif()
if(A6_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
if(A6_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "libFuzzer comes with clang: use the preset fuzz")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Link-time optimisation with gcc only, whose "fat" objects keep liba6runner.a
# usable by any compiler and linker; clang's are not fat.
set(a6_lto_flags "")
if(A6_LTO AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    set(a6_lto_flags -flto=auto -ffat-lto-objects)
endif()

# What bench/pgo counts, and then uses, lies beside the objects.
if(A6_PROFILE)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
        message(FATAL_ERROR "A6_PROFILE is for gcc")
    elseif(A6_PROFILE STREQUAL "generate")
        add_compile_options(-fprofile-generate -fprofile-update=prefer-atomic)
        add_link_options(-fprofile-generate)
    elseif(A6_PROFILE STREQUAL "use")
        add_compile_options(-fprofile-use -Wno-missing-profile)
    else()
        message(FATAL_ERROR "A6_PROFILE is generate or use")
    endif()
endif()
