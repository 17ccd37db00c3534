/* SPDX-License-Identifier: Apache-2.0 */
/* What the page /_dev/ is made of, and what it shows at first. */
#ifndef CLI_DEV_PAGE_H
#define CLI_DEV_PAGE_H

#include <jansson.h>

#include "cli/dev_site.h"

/* The page itself: the build makes it of templates/dev/page.html. */
extern const char dev_page_html[];

/* {"routes", "plugins", "requests", "problems", ...}; the caller's. */
json_t *dev_page_state(struct dev_site *site);

/* One of the state's parts: "routes" with the objects they refer to. */
json_t *dev_page_routes(const struct dev_site *site);
json_t *dev_page_plugins(const struct dev_site *site);

#endif
