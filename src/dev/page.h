/* SPDX-License-Identifier: Apache-2.0 */
/* What the page /_dev/ is made of, and what it shows at first. */
#ifndef DEV_PAGE_H
#define DEV_PAGE_H

#include <jansson.h>

#include "dev/site.h"

/* The page itself: the build makes it of templates/dev/page.html. */
extern const char page_html[];

/* {"routes", "plugins", "requests", "problems", ...}; the caller's. */
json_t *page_state(struct site *site);

#endif
