/* SPDX-License-Identifier: ISC */
/*
 * 64-bit ELF, little-endian, as far as kernels are loaded from it: not every host has <elf.h>
 * (System V ABI, chapters 4 and 5; ELF-64 Object File Format, version 1.5).
 */
#ifndef FIRMWARE_ELF64_H
#define FIRMWARE_ELF64_H

#include <stdint.h>

#define EI_CLASS  4
#define EI_DATA   5
#define EI_NIDENT 16

#define ELFCLASS64  2
#define ELFDATA2LSB 1
#define EM_AARCH64  183

#define PT_LOAD              1
#define PT_OPENBSD_RANDOMIZE 0x65a3dbe6

#define SHT_SYMTAB 2
#define SHT_STRTAB 3
#define SHF_ALLOC  2

typedef struct {
    uint8_t e_ident[EI_NIDENT];
    uint16_t e_type, e_machine;
    uint32_t e_version;
    uint64_t e_entry, e_phoff, e_shoff;
    uint32_t e_flags;
    uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
} Elf64_Ehdr;

typedef struct {
    uint32_t p_type, p_flags;
    uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
} Elf64_Phdr;

typedef struct {
    uint32_t sh_name, sh_type;
    uint64_t sh_flags, sh_addr, sh_offset, sh_size;
    uint32_t sh_link, sh_info;
    uint64_t sh_addralign, sh_entsize;
} Elf64_Shdr;

_Static_assert(sizeof(Elf64_Ehdr) == 64 && sizeof(Elf64_Phdr) == 56 && sizeof(Elf64_Shdr) == 64,
               "the file's layout");

#endif
