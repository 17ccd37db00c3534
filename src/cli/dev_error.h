/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line that says what is wrong with something that the developer gave us: where,
 * what, and the mend.
 */
#ifndef CLI_DEV_ERROR_H
#define CLI_DEV_ERROR_H

#define DEV_ERROR_MAX 600

struct dev_error {
    char text[DEV_ERROR_MAX];
};

/* Gives -EINVAL, for `return dev_error(...)`. A text that is too long is cut. */
__attribute__((format(printf, 2, 3))) int dev_error(struct dev_error *error, const char *format,
                                                    ...);

/* The same for want of memory: gives -ENOMEM. */
int dev_error_memory(struct dev_error *error);

/* Puts "where: " before what is there already. */
void dev_error_within(struct dev_error *error, const char *where);

#endif
