# SPDX-License-Identifier: Apache-2.0
# The files of templates/, which `c-runner new` writes, as one C source:
# a6_templates_source. See src/cli/new_templates.h.

set(a6_templates_source ${CMAKE_BINARY_DIR}/generated/new_templates.c)

set(arrays "")
set(entries "")
set(number 0)
foreach(language c cpp rust)
    file(GLOB templates CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/templates/${language}/*.in)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${templates})
    foreach(template ${templates})
        get_filename_component(name ${template} NAME)
        string(REGEX REPLACE "\\.in$" "" name ${name})
        file(READ ${template} bytes HEX)
        string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
        string(APPEND arrays "static const char text_${number}[] = {${bytes}0};\n")
        string(APPEND entries
            "    {\"${language}\", \"${name}\", text_${number}, sizeof(text_${number}) - 1},\n")
        math(EXPR number "${number} + 1")
    endforeach()
endforeach()
file(CONFIGURE OUTPUT ${a6_templates_source} @ONLY CONTENT [[
/* Made of templates/ by cmake/templates.cmake. */
#include "cli/new_templates.h"

@arrays@
const struct new_template new_templates[] = {
@entries@    {0, 0, 0, 0},
};
]])
