/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line that says what is wrong with something that the developer gave us: where,
 * what, and the mend.
 */
#ifndef DEV_ERROR_H
#define DEV_ERROR_H

#define ERROR_MAX 600

struct error {
    char text[ERROR_MAX];
};

/* Gives -EINVAL, for `return error_set(...)`. A text that is too long is cut. */
__attribute__((format(printf, 2, 3))) int error_set(struct error *error, const char *format, ...);

/* The same for want of memory: gives -ENOMEM. */
int error_memory(struct error *error);

/* Puts "where: " before what is there already. */
void error_within(struct error *error, const char *where);

#endif
