/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of static functions. The dynamic linker knows only what a file exports, and a
 * plugin exports one function; the others are named in the file's symbol table.
 *
 * For signal handlers: takes no lock and no heap memory. Trusts nothing in the file,
 * which may have been replaced since it was loaded.
 */
#ifndef SERVER_WORKER_SYMBOL_H
#define SERVER_WORKER_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYMBOL_NAME_MAX 160

struct symbol {
    char name[SYMBOL_NAME_MAX]; /* as the compiler wrote it: c++filt reads those of C++ */
    uint64_t into;              /* bytes from its beginning */
};

/* The function at this address of the file, as its headers count. False: it cannot be
 * read, is stripped, or names no function there. */
bool symbol_find(const char *file, uint64_t address, struct symbol *symbol);

#endif
