/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker_symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct image {
    const uint8_t *data;
    uint64_t size;
};

/* A part of the file, NULL when it is not within it or not aligned. */
static const void *part(const struct image *image, uint64_t at, uint64_t size, size_t alignment)
{
    if (at > image->size || size > image->size - at || at % alignment != 0)
        return NULL;
    return image->data + at;
}

static const ElfW(Shdr) * sections(const struct image *image, unsigned *count)
{
    const ElfW(Ehdr) *header = part(image, 0, sizeof(*header), 1);

    if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_shentsize != sizeof(ElfW(Shdr)))
        return NULL;
    *count = header->e_shnum;
    return part(image, header->e_shoff, (uint64_t)*count * sizeof(ElfW(Shdr)),
                _Alignof(ElfW(Shdr)));
}

static void copy_name(const struct image *image, const ElfW(Shdr) * strings, uint64_t at,
                      char name[SYMBOL_NAME_MAX])
{
    const char *text = part(image, strings->sh_offset, strings->sh_size, 1);
    size_t len = 0;

    if (text && at < strings->sh_size) {
        size_t room = strings->sh_size - at;
        len = strnlen(text + at, room < SYMBOL_NAME_MAX ? room : SYMBOL_NAME_MAX - 1);
        memcpy(name, text + at, len);
    }
    name[len] = 0;
}

static bool look_in(const struct image *image, uint64_t address, struct symbol *symbol)
{
    unsigned count = 0;
    const ElfW(Shdr) *section = sections(image, &count);

    for (unsigned i = 0; section && i < count; i++) {
        if (section[i].sh_type != SHT_SYMTAB || section[i].sh_link >= count)
            continue;
        uint64_t symbols = section[i].sh_size / sizeof(ElfW(Sym));
        const ElfW(Sym) *at =
            part(image, section[i].sh_offset, section[i].sh_size, _Alignof(ElfW(Sym)));
        for (uint64_t k = 0; at && k < symbols; k++) {
            if (ELF64_ST_TYPE(at[k].st_info) != STT_FUNC || address < at[k].st_value ||
                address - at[k].st_value >= at[k].st_size)
                continue;
            copy_name(image, &section[section[i].sh_link], at[k].st_name, symbol->name);
            symbol->into = address - at[k].st_value;
            return symbol->name[0] != 0;
        }
    }
    return false;
}

bool symbol_find(const char *file, uint64_t address, struct symbol *symbol)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    bool found = false;

    if (fd < 0)
        return false;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0) {
        struct image image = {.size = (uint64_t)about.st_size};
        void *data = mmap(NULL, image.size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data != MAP_FAILED) {
            image.data = data;
            found = look_in(&image, address, symbol);
            munmap(data, image.size);
        }
    }
    close(fd);
    return found;
}
