# SPDX-License-Identifier: Apache-2.0
# The page of `c-runner dev`, templates/dev/page.html, as one C source:
# a6_dev_page_source. See src/dev/page.h.

set(a6_dev_page_source ${CMAKE_BINARY_DIR}/generated/dev_page_html.c)
set(page ${CMAKE_SOURCE_DIR}/templates/dev/page.html)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page})
file(READ ${page} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(CONFIGURE OUTPUT ${a6_dev_page_source} @ONLY CONTENT [[
/* Made of templates/dev/page.html by cmake/dev_page.cmake. */
#include "dev/page.h"

const char page_html[] = {@bytes@0};
]])
