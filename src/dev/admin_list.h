/* SPDX-License-Identifier: Apache-2.0 */
/* What a client wants of a list: entries with some name, label or uri, and one page. */
#ifndef DEV_ADMIN_LIST_H
#define DEV_ADMIN_LIST_H

#include <jansson.h>

#include "dev/error.h"

/* Arguments of the request, or NULL. */
struct admin_list {
    const char *name, *uri; /* regular expressions (POSIX, extended) that find */
    const char *label;      /* the label's name */
    const char *page, *page_size;
};

/* Takes the list over. The answer, which is the caller's; NULL with the error set. */
json_t *admin_list_answer(const struct admin_list *wanted, json_t *entries, struct error *error);

#endif
