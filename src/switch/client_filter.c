/* SPDX-License-Identifier: ISC */
/* libpcap's compiler runs here, in the process of whoever asks, and never in the switch's. */
#include <errno.h>
#include <pcap/pcap.h>

#include "switch/client_private.h"

#define SNAP_LENGTH 262144

static json_t *program_to_json(const struct bpf_program *program)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < program->bf_len; i++) {
        const struct bpf_insn *insn = &program->bf_insns[i];

        json_array_append_new(
            list, json_pack("[i,i,i,I]", insn->code, insn->jt, insn->jf, (json_int_t)insn->k));
    }
    return list;
}

int filter_compile(const char *expression, json_t **out, struct error *err)
{
    pcap_t *pcap = pcap_open_dead(DLT_EN10MB, SNAP_LENGTH);
    struct bpf_program program;
    int ret = 0;

    if (!pcap)
        return error_set(err, ENOMEM, "out of memory");
    if (pcap_compile(pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN))
        ret =
            error_set(err, EINVAL, "the filter \"%.200s\": %.200s", expression, pcap_geterr(pcap));
    if (!ret) {
        *out = program_to_json(&program);
        pcap_freecode(&program);
    }
    pcap_close(pcap);
    return ret;
}
