/* SPDX-License-Identifier: ISC */
/*
 * The translator's text for people; see listing.h and docs/translator.md. The files are opened by
 * whoever made the VM, before the process was confined: here is nothing but writing.
 */
#include "engine/jit/listing.h"

#include "engine/soft/private.h"

/* --- of which regions --- */

static int wish_of(const struct engine_listing *l, uint64_t va, uint64_t pa)
{
    uint64_t page = l->at & SOFT_PAGE_MASK;

    if (!l->to)
        return LISTING_NONE;
    if (!l->one)
        return LISTING_ALL;
    return page == va || page == pa ? (int)(l->at & ~SOFT_PAGE_MASK & ~UINT64_C(3)) : LISTING_NONE;
}

struct listing_wish listing_wish(const struct engine_vm_config *config, uint64_t va, uint64_t pa)
{
    return (struct listing_wish){
        .dump = wish_of(&config->dump, va, pa), .trace = wish_of(&config->trace, va, pa), .va = va};
}

bool listing_wants(const struct ir_region *r, int wish)
{
    if (wish < 0)
        return wish == LISTING_ALL;
    for (unsigned k = 0; k < r->guests; k++)
        if (r->guest[k].offset == wish)
            return true;
    return false;
}

/* --- the stages --- */

void listing_begin(FILE *out, const struct ir_region *r, uint64_t va)
{
    flockfile(out);
    fprintf(out,
            "=== region at %#llx (physical %#llx): %u instructions, %u blocks, context %#x%s\n",
            (unsigned long long)(va + r->entry), (unsigned long long)(r->pa + r->entry), r->guests,
            r->blocks, r->context, r->smp ? ", several vCPUs" : "");
}

void listing_guest(FILE *out, const struct ir_region *r)
{
    fputs("--- guest code\n", out);
    for (unsigned n = 0; n < r->blocks; n++) {
        const struct ir_block *b = &r->block[n];

        fprintf(out, "block %u\n", n);
        for (unsigned k = b->first_guest; k < b->first_guest + b->guests; k++) {
            const struct guest_insn *g = &r->guest[k];
            char text[80];

            a64_disasm(g->word, g->offset, text, sizeof(text));
            fprintf(out, "    %03x  %08x  %s\n", g->offset, g->word, text);
        }
    }
}

void listing_ir(FILE *out, const struct ir_region *r, const char *stage)
{
    fprintf(out, "--- IR, %s\n", stage);
    ir_dump(r, out);
}

static const char *const general_name[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                             "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                             "r12", "r13", "r14", "r15"};

void listing_registers(FILE *out, const struct ir_region *r, const struct regalloc *alloc)
{
    fputs("--- registers (+ written, * loaded at the entry; all others are in memory)\n", out);
    for (unsigned v = 0; v < IR_VALUES; v++) {
        const char *marks = "";

        if (alloc->host[v] < 0)
            continue;
        if (v < IR_T)
            marks = alloc->written & alloc->load & BIT(v) ? "+*"
                    : alloc->written & BIT(v)             ? "+"
                    : alloc->load & BIT(v)                ? "*"
                                                          : "";
        ir_dump_value((ir_value)v, out);
        if (ir_is_vector((ir_value)v))
            fprintf(out, " xmm%d%s\n", alloc->host[v], marks);
        else
            fprintf(out, " %s%s\n", general_name[alloc->host[v]], marks);
    }
    for (unsigned k = 0; k < r->addends; k++)
        fprintf(out, "addend %u %s\n", k + 1, general_name[alloc->addend[k]]);
}

static void print_bytes(FILE *out, const uint8_t *from, const uint8_t *to)
{
    for (const uint8_t *p = from; p < to; p++)
        fprintf(out, "%s%02x", (p - from) % 16 ? " " : p == from ? "        " : "\n        ", *p);
    fputc('\n', out);
}

static void print_mark(FILE *out, const struct ir_region *r, const struct emit_mark *m)
{
    char text[80];

    fprintf(out, "%05x  ", m->at);
    switch (m->what) {
    case EMIT_MARK_ENTRY: fputs("  entry\n", out); break;
    case EMIT_MARK_INSN: ir_dump_insn(&r->insn[m->index], out); break;
    case EMIT_MARK_ASIDE:
        fputs("  aside of\n       ", out);
        ir_dump_insn(&r->insn[m->index], out);
        break;
    case EMIT_MARK_REPLAY:
        a64_disasm(r->guest[m->index].word, r->guest[m->index].offset, text, sizeof(text));
        fprintf(out, "  replay of %03x %s\n", r->guest[m->index].offset, text);
        break;
    case EMIT_MARK_EDGES: fputs("  far edges, missed calls, stubs\n", out); break;
    case EMIT_MARK_LEAVE: fputs("  the slice is over\n", out); break;
    case EMIT_MARK_HANDLER: fputs("  spill, handler, reload\n", out); break;
    }
}

void listing_code(FILE *out, const struct ir_region *r, const struct emit_marks *marks,
                  const uint8_t *start, const uint8_t *end)
{
    fprintf(out, "--- host code, %zu bytes\n", (size_t)(end - start));
    for (unsigned k = 0; k < marks->count; k++) {
        const struct emit_mark *m = &marks->mark[k];

        print_mark(out, r, m);
        print_bytes(out, start + m->at, k + 1 < marks->count ? start + m[1].at : end);
    }
}

/* What is in the file is complete even if the next thing to run is what ends the process. */
void listing_end(FILE *out)
{
    fputc('\n', out);
    fflush(out);
    funlockfile(out);
}

/* --- the trace --- */

void listing_entered(struct soft_cpu *c, uint64_t arg)
{
    fprintf(c->vm->config.trace.to, "%u EL%u %016llx\n", c->index, c->el,
            (unsigned long long)c->pc);
}
