/* SPDX-License-Identifier: ISC */
/*
 * The vector operations of the assembler, each X(name, prefix, map, opcode, w, needs, flags):
 *
 *  name    SDM 2's mnemonic, without the v of the VEX form; with it where there is no legacy form.
 *  prefix  the mandatory prefix: NP (none), 66, F3, F2.
 *  map     0F, 38 (0F 38), 3A (0F 3A).
 *  w       VEX.W or EVEX.W. Legacy forms have no REX.W.
 *  needs   the member of struct x64_features that the operation requires.
 *  flags   OP3 three operands, OP2 two, ST a store (the xmm operand is the source), XR from and RX
 *          to a general register, G(n) a shift by a constant (opcode /n), BLENDV(opcode of the VEX
 *          form); IMM: an imm8 follows; C: the sources may be exchanged; VEX: there is no legacy
 *          form; EVEX: there is only that; LEG: no VEX form.
 *
 * EVEX scales a disp8: all its rows with a memory operand read 128 bits.
 *
 * Packed ADD and MUL count as commutative: exchanging operands matters for the payload of two NaNs
 * only. The scalar ones do not, because the rest of dst comes from src1; nor do MIN and MAX, which
 * prefer src2.
 *
 * SHA256RNDS2 reads xmm0, too.
 */
#ifndef ENGINE_JIT_X64_VOP_H
#define ENGINE_JIT_X64_VOP_H

#define X64_VOPS(X)                                                                                \
    /* integer arithmetic */                                                                       \
    X(PADDB, 66, 0F, 0xfc, 0, v2, OP3 | C)                                                         \
    X(PADDW, 66, 0F, 0xfd, 0, v2, OP3 | C)                                                         \
    X(PADDD, 66, 0F, 0xfe, 0, v2, OP3 | C)                                                         \
    X(PADDQ, 66, 0F, 0xd4, 0, v2, OP3 | C)                                                         \
    X(PADDSB, 66, 0F, 0xec, 0, v2, OP3 | C)                                                        \
    X(PADDSW, 66, 0F, 0xed, 0, v2, OP3 | C)                                                        \
    X(PADDUSB, 66, 0F, 0xdc, 0, v2, OP3 | C)                                                       \
    X(PADDUSW, 66, 0F, 0xdd, 0, v2, OP3 | C)                                                       \
    X(PSUBB, 66, 0F, 0xf8, 0, v2, OP3)                                                             \
    X(PSUBW, 66, 0F, 0xf9, 0, v2, OP3)                                                             \
    X(PSUBD, 66, 0F, 0xfa, 0, v2, OP3)                                                             \
    X(PSUBQ, 66, 0F, 0xfb, 0, v2, OP3)                                                             \
    X(PSUBSB, 66, 0F, 0xe8, 0, v2, OP3)                                                            \
    X(PSUBSW, 66, 0F, 0xe9, 0, v2, OP3)                                                            \
    X(PSUBUSB, 66, 0F, 0xd8, 0, v2, OP3)                                                           \
    X(PSUBUSW, 66, 0F, 0xd9, 0, v2, OP3)                                                           \
    X(PHADDW, 66, 38, 0x01, 0, v2, OP3)                                                            \
    X(PHADDD, 66, 38, 0x02, 0, v2, OP3)                                                            \
    X(PHADDSW, 66, 38, 0x03, 0, v2, OP3)                                                           \
    X(PHSUBW, 66, 38, 0x05, 0, v2, OP3)                                                            \
    X(PHSUBD, 66, 38, 0x06, 0, v2, OP3)                                                            \
    X(PHSUBSW, 66, 38, 0x07, 0, v2, OP3)                                                           \
    X(PMULLW, 66, 0F, 0xd5, 0, v2, OP3 | C)                                                        \
    X(PMULHW, 66, 0F, 0xe5, 0, v2, OP3 | C)                                                        \
    X(PMULHUW, 66, 0F, 0xe4, 0, v2, OP3 | C)                                                       \
    X(PMULHRSW, 66, 38, 0x0b, 0, v2, OP3 | C)                                                      \
    X(PMULLD, 66, 38, 0x40, 0, v2, OP3 | C)                                                        \
    X(PMULDQ, 66, 38, 0x28, 0, v2, OP3 | C)                                                        \
    X(PMULUDQ, 66, 0F, 0xf4, 0, v2, OP3 | C)                                                       \
    X(PMADDWD, 66, 0F, 0xf5, 0, v2, OP3 | C)                                                       \
    X(PMADDUBSW, 66, 38, 0x04, 0, v2, OP3)                                                         \
    X(PSADBW, 66, 0F, 0xf6, 0, v2, OP3 | C)                                                        \
    X(PAVGB, 66, 0F, 0xe0, 0, v2, OP3 | C)                                                         \
    X(PAVGW, 66, 0F, 0xe3, 0, v2, OP3 | C)                                                         \
    X(PMINUB, 66, 0F, 0xda, 0, v2, OP3 | C)                                                        \
    X(PMINUW, 66, 38, 0x3a, 0, v2, OP3 | C)                                                        \
    X(PMINUD, 66, 38, 0x3b, 0, v2, OP3 | C)                                                        \
    X(PMINSB, 66, 38, 0x38, 0, v2, OP3 | C)                                                        \
    X(PMINSW, 66, 0F, 0xea, 0, v2, OP3 | C)                                                        \
    X(PMINSD, 66, 38, 0x39, 0, v2, OP3 | C)                                                        \
    X(PMAXUB, 66, 0F, 0xde, 0, v2, OP3 | C)                                                        \
    X(PMAXUW, 66, 38, 0x3e, 0, v2, OP3 | C)                                                        \
    X(PMAXUD, 66, 38, 0x3f, 0, v2, OP3 | C)                                                        \
    X(PMAXSB, 66, 38, 0x3c, 0, v2, OP3 | C)                                                        \
    X(PMAXSW, 66, 0F, 0xee, 0, v2, OP3 | C)                                                        \
    X(PMAXSD, 66, 38, 0x3d, 0, v2, OP3 | C)                                                        \
    X(PSIGNB, 66, 38, 0x08, 0, v2, OP3)                                                            \
    X(PSIGNW, 66, 38, 0x09, 0, v2, OP3)                                                            \
    X(PSIGND, 66, 38, 0x0a, 0, v2, OP3)                                                            \
    X(PABSB, 66, 38, 0x1c, 0, v2, OP2)                                                             \
    X(PABSW, 66, 38, 0x1d, 0, v2, OP2)                                                             \
    X(PABSD, 66, 38, 0x1e, 0, v2, OP2)                                                             \
    X(PHMINPOSUW, 66, 38, 0x41, 0, v2, OP2)                                                        \
    X(PCMPEQB, 66, 0F, 0x74, 0, v2, OP3 | C)                                                       \
    X(PCMPEQW, 66, 0F, 0x75, 0, v2, OP3 | C)                                                       \
    X(PCMPEQD, 66, 0F, 0x76, 0, v2, OP3 | C)                                                       \
    X(PCMPEQQ, 66, 38, 0x29, 0, v2, OP3 | C)                                                       \
    X(PCMPGTB, 66, 0F, 0x64, 0, v2, OP3)                                                           \
    X(PCMPGTW, 66, 0F, 0x65, 0, v2, OP3)                                                           \
    X(PCMPGTD, 66, 0F, 0x66, 0, v2, OP3)                                                           \
    X(PCMPGTQ, 66, 38, 0x37, 0, v2, OP3)                                                           \
    /* logic; PANDN, ANDNPS and ANDNPD complement src1 */                                          \
    X(PAND, 66, 0F, 0xdb, 0, v2, OP3 | C)                                                          \
    X(PANDN, 66, 0F, 0xdf, 0, v2, OP3)                                                             \
    X(POR, 66, 0F, 0xeb, 0, v2, OP3 | C)                                                           \
    X(PXOR, 66, 0F, 0xef, 0, v2, OP3 | C)                                                          \
    X(ANDPS, NP, 0F, 0x54, 0, v2, OP3 | C)                                                         \
    X(ANDNPS, NP, 0F, 0x55, 0, v2, OP3)                                                            \
    X(ORPS, NP, 0F, 0x56, 0, v2, OP3 | C)                                                          \
    X(XORPS, NP, 0F, 0x57, 0, v2, OP3 | C)                                                         \
    X(ANDPD, 66, 0F, 0x54, 0, v2, OP3 | C)                                                         \
    X(ANDNPD, 66, 0F, 0x55, 0, v2, OP3)                                                            \
    X(ORPD, 66, 0F, 0x56, 0, v2, OP3 | C)                                                          \
    X(XORPD, 66, 0F, 0x57, 0, v2, OP3 | C)                                                         \
    X(PTEST, 66, 38, 0x17, 0, v2, OP2)                                                             \
    /* shifts: by src2's low 64 bits, by a constant (_I, DQ: by bytes), by element (V) */          \
    X(PSLLW, 66, 0F, 0xf1, 0, v2, OP3)                                                             \
    X(PSLLD, 66, 0F, 0xf2, 0, v2, OP3)                                                             \
    X(PSLLQ, 66, 0F, 0xf3, 0, v2, OP3)                                                             \
    X(PSRLW, 66, 0F, 0xd1, 0, v2, OP3)                                                             \
    X(PSRLD, 66, 0F, 0xd2, 0, v2, OP3)                                                             \
    X(PSRLQ, 66, 0F, 0xd3, 0, v2, OP3)                                                             \
    X(PSRAW, 66, 0F, 0xe1, 0, v2, OP3)                                                             \
    X(PSRAD, 66, 0F, 0xe2, 0, v2, OP3)                                                             \
    X(PSLLW_I, 66, 0F, 0x71, 0, v2, G(6))                                                          \
    X(PSLLD_I, 66, 0F, 0x72, 0, v2, G(6))                                                          \
    X(PSLLQ_I, 66, 0F, 0x73, 0, v2, G(6))                                                          \
    X(PSRLW_I, 66, 0F, 0x71, 0, v2, G(2))                                                          \
    X(PSRLD_I, 66, 0F, 0x72, 0, v2, G(2))                                                          \
    X(PSRLQ_I, 66, 0F, 0x73, 0, v2, G(2))                                                          \
    X(PSRAW_I, 66, 0F, 0x71, 0, v2, G(4))                                                          \
    X(PSRAD_I, 66, 0F, 0x72, 0, v2, G(4))                                                          \
    X(PSLLDQ_I, 66, 0F, 0x73, 0, v2, G(7))                                                         \
    X(PSRLDQ_I, 66, 0F, 0x73, 0, v2, G(3))                                                         \
    X(VPSLLVD, 66, 38, 0x47, 0, avx2, OP3 | VEX)                                                   \
    X(VPSLLVQ, 66, 38, 0x47, 1, avx2, OP3 | VEX)                                                   \
    X(VPSRLVD, 66, 38, 0x45, 0, avx2, OP3 | VEX)                                                   \
    X(VPSRLVQ, 66, 38, 0x45, 1, avx2, OP3 | VEX)                                                   \
    X(VPSRAVD, 66, 38, 0x46, 0, avx2, OP3 | VEX)                                                   \
    /* packing, interleaving, shuffling */                                                         \
    X(PACKSSWB, 66, 0F, 0x63, 0, v2, OP3)                                                          \
    X(PACKSSDW, 66, 0F, 0x6b, 0, v2, OP3)                                                          \
    X(PACKUSWB, 66, 0F, 0x67, 0, v2, OP3)                                                          \
    X(PACKUSDW, 66, 38, 0x2b, 0, v2, OP3)                                                          \
    X(PUNPCKLBW, 66, 0F, 0x60, 0, v2, OP3)                                                         \
    X(PUNPCKLWD, 66, 0F, 0x61, 0, v2, OP3)                                                         \
    X(PUNPCKLDQ, 66, 0F, 0x62, 0, v2, OP3)                                                         \
    X(PUNPCKLQDQ, 66, 0F, 0x6c, 0, v2, OP3)                                                        \
    X(PUNPCKHBW, 66, 0F, 0x68, 0, v2, OP3)                                                         \
    X(PUNPCKHWD, 66, 0F, 0x69, 0, v2, OP3)                                                         \
    X(PUNPCKHDQ, 66, 0F, 0x6a, 0, v2, OP3)                                                         \
    X(PUNPCKHQDQ, 66, 0F, 0x6d, 0, v2, OP3)                                                        \
    X(UNPCKLPS, NP, 0F, 0x14, 0, v2, OP3)                                                          \
    X(UNPCKHPS, NP, 0F, 0x15, 0, v2, OP3)                                                          \
    X(UNPCKLPD, 66, 0F, 0x14, 0, v2, OP3)                                                          \
    X(UNPCKHPD, 66, 0F, 0x15, 0, v2, OP3)                                                          \
    X(PSHUFB, 66, 38, 0x00, 0, v2, OP3)                                                            \
    X(PSHUFD, 66, 0F, 0x70, 0, v2, OP2 | IMM)                                                      \
    X(PSHUFHW, F3, 0F, 0x70, 0, v2, OP2 | IMM)                                                     \
    X(PSHUFLW, F2, 0F, 0x70, 0, v2, OP2 | IMM)                                                     \
    X(SHUFPS, NP, 0F, 0xc6, 0, v2, OP3 | IMM)                                                      \
    X(SHUFPD, 66, 0F, 0xc6, 0, v2, OP3 | IMM)                                                      \
    X(PALIGNR, 66, 3A, 0x0f, 0, v2, OP3 | IMM)                                                     \
    X(PBLENDW, 66, 3A, 0x0e, 0, v2, OP3 | IMM)                                                     \
    X(BLENDPS, 66, 3A, 0x0c, 0, v2, OP3 | IMM)                                                     \
    X(BLENDPD, 66, 3A, 0x0d, 0, v2, OP3 | IMM)                                                     \
    X(VPBLENDD, 66, 3A, 0x02, 0, avx2, OP3 | IMM | VEX)                                            \
    X(INSERTPS, 66, 3A, 0x21, 0, v2, OP3 | IMM)                                                    \
    X(MPSADBW, 66, 3A, 0x42, 0, v2, OP3 | IMM)                                                     \
    X(VPERMILPS, 66, 38, 0x0c, 0, avx, OP3 | VEX)                                                  \
    X(VPERMILPD, 66, 38, 0x0d, 0, avx, OP3 | VEX)                                                  \
    X(VPBROADCASTB, 66, 38, 0x78, 0, avx2, OP2 | VEX)                                              \
    X(VPBROADCASTW, 66, 38, 0x79, 0, avx2, OP2 | VEX)                                              \
    X(VPBROADCASTD, 66, 38, 0x58, 0, avx2, OP2 | VEX)                                              \
    X(VPBROADCASTQ, 66, 38, 0x59, 0, avx2, OP2 | VEX)                                              \
    X(MOVDDUP, F2, 0F, 0x12, 0, v2, OP2)                                                           \
    X(MOVSLDUP, F3, 0F, 0x12, 0, v2, OP2)                                                          \
    X(MOVSHDUP, F3, 0F, 0x16, 0, v2, OP2)                                                          \
    X(MOVHLPS, NP, 0F, 0x12, 0, v2, OP3) /* registers only */                                      \
    X(MOVLHPS, NP, 0F, 0x16, 0, v2, OP3) /* registers only */                                      \
    X(MOVLPD, 66, 0F, 0x12, 0, v2, OP3)  /* memory only */                                         \
    X(MOVHPD, 66, 0F, 0x16, 0, v2, OP3)  /* memory only */                                         \
    /* widening; their memory operand is as narrow as what they read */                            \
    X(PMOVSXBW, 66, 38, 0x20, 0, v2, OP2)                                                          \
    X(PMOVSXBD, 66, 38, 0x21, 0, v2, OP2)                                                          \
    X(PMOVSXBQ, 66, 38, 0x22, 0, v2, OP2)                                                          \
    X(PMOVSXWD, 66, 38, 0x23, 0, v2, OP2)                                                          \
    X(PMOVSXWQ, 66, 38, 0x24, 0, v2, OP2)                                                          \
    X(PMOVSXDQ, 66, 38, 0x25, 0, v2, OP2)                                                          \
    X(PMOVZXBW, 66, 38, 0x30, 0, v2, OP2)                                                          \
    X(PMOVZXBD, 66, 38, 0x31, 0, v2, OP2)                                                          \
    X(PMOVZXBQ, 66, 38, 0x32, 0, v2, OP2)                                                          \
    X(PMOVZXWD, 66, 38, 0x33, 0, v2, OP2)                                                          \
    X(PMOVZXWQ, 66, 38, 0x34, 0, v2, OP2)                                                          \
    X(PMOVZXDQ, 66, 38, 0x35, 0, v2, OP2)                                                          \
    /* moves, loads, stores. MOVSS and MOVSD: one lane of src2 into src1; from memory see _LD */   \
    X(MOVAPS, NP, 0F, 0x28, 0, v2, OP2)                                                            \
    X(MOVAPD, 66, 0F, 0x28, 0, v2, OP2)                                                            \
    X(MOVUPS, NP, 0F, 0x10, 0, v2, OP2)                                                            \
    X(MOVUPD, 66, 0F, 0x10, 0, v2, OP2)                                                            \
    X(MOVDQA, 66, 0F, 0x6f, 0, v2, OP2)                                                            \
    X(MOVDQU, F3, 0F, 0x6f, 0, v2, OP2)                                                            \
    X(LDDQU, F2, 0F, 0xf0, 0, v2, OP2) /* memory only */                                           \
    X(MOVQ, F3, 0F, 0x7e, 0, v2, OP2)  /* zero-extends */                                          \
    X(MOVD_LD, 66, 0F, 0x6e, 0, v2, OP2)                                                           \
    X(MOVSS_LD, F3, 0F, 0x10, 0, v2, OP2)                                                          \
    X(MOVSD_LD, F2, 0F, 0x10, 0, v2, OP2)                                                          \
    X(MOVSS, F3, 0F, 0x10, 0, v2, OP3)                                                             \
    X(MOVSD, F2, 0F, 0x10, 0, v2, OP3)                                                             \
    X(MOVAPS_ST, NP, 0F, 0x29, 0, v2, ST)                                                          \
    X(MOVAPD_ST, 66, 0F, 0x29, 0, v2, ST)                                                          \
    X(MOVUPS_ST, NP, 0F, 0x11, 0, v2, ST)                                                          \
    X(MOVUPD_ST, 66, 0F, 0x11, 0, v2, ST)                                                          \
    X(MOVDQA_ST, 66, 0F, 0x7f, 0, v2, ST)                                                          \
    X(MOVDQU_ST, F3, 0F, 0x7f, 0, v2, ST)                                                          \
    X(MOVQ_ST, 66, 0F, 0xd6, 0, v2, ST)                                                            \
    X(MOVD_ST, 66, 0F, 0x7e, 0, v2, ST)                                                            \
    X(MOVSS_ST, F3, 0F, 0x11, 0, v2, ST)                                                           \
    X(MOVSD_ST, F2, 0F, 0x11, 0, v2, ST)                                                           \
    X(MOVLPS_ST, NP, 0F, 0x13, 0, v2, ST)                                                          \
    X(MOVHPS_ST, NP, 0F, 0x17, 0, v2, ST)                                                          \
    X(MOVLPD_ST, 66, 0F, 0x13, 0, v2, ST)                                                          \
    X(MOVHPD_ST, 66, 0F, 0x17, 0, v2, ST)                                                          \
    X(EXTRACTPS_ST, 66, 3A, 0x17, 0, v2, ST | IMM)                                                 \
    X(PMOVMSKB, 66, 0F, 0xd7, 0, v2, RX)                                                           \
    X(MOVMSKPS, NP, 0F, 0x50, 0, v2, RX)                                                           \
    X(MOVMSKPD, 66, 0F, 0x50, 0, v2, RX)                                                           \
    /* floating point */                                                                           \
    X(ADDPS, NP, 0F, 0x58, 0, v2, OP3 | C)                                                         \
    X(ADDPD, 66, 0F, 0x58, 0, v2, OP3 | C)                                                         \
    X(ADDSS, F3, 0F, 0x58, 0, v2, OP3)                                                             \
    X(ADDSD, F2, 0F, 0x58, 0, v2, OP3)                                                             \
    X(SUBPS, NP, 0F, 0x5c, 0, v2, OP3)                                                             \
    X(SUBPD, 66, 0F, 0x5c, 0, v2, OP3)                                                             \
    X(SUBSS, F3, 0F, 0x5c, 0, v2, OP3)                                                             \
    X(SUBSD, F2, 0F, 0x5c, 0, v2, OP3)                                                             \
    X(MULPS, NP, 0F, 0x59, 0, v2, OP3 | C)                                                         \
    X(MULPD, 66, 0F, 0x59, 0, v2, OP3 | C)                                                         \
    X(MULSS, F3, 0F, 0x59, 0, v2, OP3)                                                             \
    X(MULSD, F2, 0F, 0x59, 0, v2, OP3)                                                             \
    X(DIVPS, NP, 0F, 0x5e, 0, v2, OP3)                                                             \
    X(DIVPD, 66, 0F, 0x5e, 0, v2, OP3)                                                             \
    X(DIVSS, F3, 0F, 0x5e, 0, v2, OP3)                                                             \
    X(DIVSD, F2, 0F, 0x5e, 0, v2, OP3)                                                             \
    X(MINPS, NP, 0F, 0x5d, 0, v2, OP3)                                                             \
    X(MINPD, 66, 0F, 0x5d, 0, v2, OP3)                                                             \
    X(MINSS, F3, 0F, 0x5d, 0, v2, OP3)                                                             \
    X(MINSD, F2, 0F, 0x5d, 0, v2, OP3)                                                             \
    X(MAXPS, NP, 0F, 0x5f, 0, v2, OP3)                                                             \
    X(MAXPD, 66, 0F, 0x5f, 0, v2, OP3)                                                             \
    X(MAXSS, F3, 0F, 0x5f, 0, v2, OP3)                                                             \
    X(MAXSD, F2, 0F, 0x5f, 0, v2, OP3)                                                             \
    X(SQRTPS, NP, 0F, 0x51, 0, v2, OP2)                                                            \
    X(SQRTPD, 66, 0F, 0x51, 0, v2, OP2)                                                            \
    X(SQRTSS, F3, 0F, 0x51, 0, v2, OP3)                                                            \
    X(SQRTSD, F2, 0F, 0x51, 0, v2, OP3)                                                            \
    X(HADDPS, F2, 0F, 0x7c, 0, v2, OP3)                                                            \
    X(HADDPD, 66, 0F, 0x7c, 0, v2, OP3)                                                            \
    X(HSUBPS, F2, 0F, 0x7d, 0, v2, OP3)                                                            \
    X(HSUBPD, 66, 0F, 0x7d, 0, v2, OP3)                                                            \
    X(ADDSUBPS, F2, 0F, 0xd0, 0, v2, OP3)                                                          \
    X(ADDSUBPD, 66, 0F, 0xd0, 0, v2, OP3)                                                          \
    X(CMPPS, NP, 0F, 0xc2, 0, v2, OP3 | IMM)                                                       \
    X(CMPPD, 66, 0F, 0xc2, 0, v2, OP3 | IMM)                                                       \
    X(CMPSS, F3, 0F, 0xc2, 0, v2, OP3 | IMM)                                                       \
    X(CMPSD, F2, 0F, 0xc2, 0, v2, OP3 | IMM)                                                       \
    X(UCOMISS, NP, 0F, 0x2e, 0, v2, OP2)                                                           \
    X(UCOMISD, 66, 0F, 0x2e, 0, v2, OP2)                                                           \
    X(COMISS, NP, 0F, 0x2f, 0, v2, OP2)                                                            \
    X(COMISD, 66, 0F, 0x2f, 0, v2, OP2)                                                            \
    X(ROUNDPS, 66, 3A, 0x08, 0, v2, OP2 | IMM)                                                     \
    X(ROUNDPD, 66, 3A, 0x09, 0, v2, OP2 | IMM)                                                     \
    X(ROUNDSS, 66, 3A, 0x0a, 0, v2, OP3 | IMM)                                                     \
    X(ROUNDSD, 66, 3A, 0x0b, 0, v2, OP3 | IMM)                                                     \
    X(DPPS, 66, 3A, 0x40, 0, v2, OP3 | IMM)                                                        \
    X(DPPD, 66, 3A, 0x41, 0, v2, OP3 | IMM)                                                        \
    /* conversions */                                                                              \
    X(CVTDQ2PS, NP, 0F, 0x5b, 0, v2, OP2)                                                          \
    X(CVTPS2DQ, 66, 0F, 0x5b, 0, v2, OP2)                                                          \
    X(CVTTPS2DQ, F3, 0F, 0x5b, 0, v2, OP2)                                                         \
    X(CVTDQ2PD, F3, 0F, 0xe6, 0, v2, OP2)                                                          \
    X(CVTPD2DQ, F2, 0F, 0xe6, 0, v2, OP2)                                                          \
    X(CVTTPD2DQ, 66, 0F, 0xe6, 0, v2, OP2)                                                         \
    X(CVTPS2PD, NP, 0F, 0x5a, 0, v2, OP2)                                                          \
    X(CVTPD2PS, 66, 0F, 0x5a, 0, v2, OP2)                                                          \
    X(CVTSS2SD, F3, 0F, 0x5a, 0, v2, OP3)                                                          \
    X(CVTSD2SS, F2, 0F, 0x5a, 0, v2, OP3)                                                          \
    X(CVTSI2SS, F3, 0F, 0x2a, 0, v2, XR)                                                           \
    X(CVTSI2SD, F2, 0F, 0x2a, 0, v2, XR)                                                           \
    X(CVTSS2SI, F3, 0F, 0x2d, 0, v2, RX)                                                           \
    X(CVTSD2SI, F2, 0F, 0x2d, 0, v2, RX)                                                           \
    X(CVTTSS2SI, F3, 0F, 0x2c, 0, v2, RX)                                                          \
    X(CVTTSD2SI, F2, 0F, 0x2c, 0, v2, RX)                                                          \
    X(VCVTUSI2SS, F3, 0F, 0x7b, 0, avx512, XR | EVEX)                                              \
    X(VCVTUSI2SD, F2, 0F, 0x7b, 0, avx512, XR | EVEX)                                              \
    X(VCVTSS2USI, F3, 0F, 0x79, 0, avx512, RX | EVEX)                                              \
    X(VCVTSD2USI, F2, 0F, 0x79, 0, avx512, RX | EVEX)                                              \
    X(VCVTTSS2USI, F3, 0F, 0x78, 0, avx512, RX | EVEX)                                             \
    X(VCVTTSD2USI, F2, 0F, 0x78, 0, avx512, RX | EVEX)                                             \
    X(VCVTPH2PS, 66, 38, 0x13, 0, f16c, OP2 | VEX)                                                 \
    X(VCVTPS2PH, 66, 3A, 0x1d, 0, f16c, ST | IMM | VEX)                                            \
    /* fused multiply-add: dst is an operand. 132: dst*src2+src1, 213: src1*dst+src2, */           \
    /* 231: src1*src2+dst */                                                                       \
    X64_FMA_ROWS(X, VFMADD132, 0x98)                                                               \
    X64_FMA_ROWS(X, VFMSUB132, 0x9a)                                                               \
    X64_FMA_ROWS(X, VFNMADD132, 0x9c)                                                              \
    X64_FMA_ROWS(X, VFNMSUB132, 0x9e)                                                              \
    X64_FMA_ROWS(X, VFMADD213, 0xa8)                                                               \
    X64_FMA_ROWS(X, VFMSUB213, 0xaa)                                                               \
    X64_FMA_ROWS(X, VFNMADD213, 0xac)                                                              \
    X64_FMA_ROWS(X, VFNMSUB213, 0xae)                                                              \
    X64_FMA_ROWS(X, VFMADD231, 0xb8)                                                               \
    X64_FMA_ROWS(X, VFMSUB231, 0xba)                                                               \
    X64_FMA_ROWS(X, VFNMADD231, 0xbc)                                                              \
    X64_FMA_ROWS(X, VFNMSUB231, 0xbe)                                                              \
    /* cryptography, finite fields */                                                              \
    X(AESENC, 66, 38, 0xdc, 0, aes, OP3)                                                           \
    X(AESENCLAST, 66, 38, 0xdd, 0, aes, OP3)                                                       \
    X(AESDEC, 66, 38, 0xde, 0, aes, OP3)                                                           \
    X(AESDECLAST, 66, 38, 0xdf, 0, aes, OP3)                                                       \
    X(AESIMC, 66, 38, 0xdb, 0, aes, OP2)                                                           \
    X(AESKEYGENASSIST, 66, 3A, 0xdf, 0, aes, OP2 | IMM)                                            \
    X(PCLMULQDQ, 66, 3A, 0x44, 0, pclmul, OP3 | IMM)                                               \
    X(SHA1NEXTE, NP, 38, 0xc8, 0, sha, OP3 | LEG)                                                  \
    X(SHA1MSG1, NP, 38, 0xc9, 0, sha, OP3 | LEG)                                                   \
    X(SHA1MSG2, NP, 38, 0xca, 0, sha, OP3 | LEG)                                                   \
    X(SHA1RNDS4, NP, 3A, 0xcc, 0, sha, OP3 | IMM | LEG)                                            \
    X(SHA256RNDS2, NP, 38, 0xcb, 0, sha, OP3 | LEG)                                                \
    X(SHA256MSG1, NP, 38, 0xcc, 0, sha, OP3 | LEG)                                                 \
    X(SHA256MSG2, NP, 38, 0xcd, 0, sha, OP3 | LEG)                                                 \
    X(GF2P8MULB, 66, 38, 0xcf, 0, gfni, OP3 | C)                                                   \
    X(GF2P8AFFINEQB, 66, 3A, 0xce, 1, gfni, OP3 | IMM)                                             \
    X(GF2P8AFFINEINVQB, 66, 3A, 0xcf, 1, gfni, OP3 | IMM)                                          \
    /* by a variable mask: x64_blendv() only */                                                    \
    X(PBLENDVB, 66, 38, 0x10, 0, v2, BLENDV(0x4c))                                                 \
    X(BLENDVPS, 66, 38, 0x14, 0, v2, BLENDV(0x4a))                                                 \
    X(BLENDVPD, 66, 38, 0x15, 0, v2, BLENDV(0x4b))                                                 \
    /* AVX-512VL and its friends. VPTERNLOG, VPERMT2 and VPERMI2 read dst, too */                  \
    X(VPTERNLOGD, 66, 3A, 0x25, 0, avx512, OP3 | IMM | EVEX)                                       \
    X(VPTERNLOGQ, 66, 3A, 0x25, 1, avx512, OP3 | IMM | EVEX)                                       \
    X(VPMULLQ, 66, 38, 0x40, 1, avx512, OP3 | EVEX)                                                \
    X(VPABSQ, 66, 38, 0x1f, 1, avx512, OP2 | EVEX)                                                 \
    X(VPMINSQ, 66, 38, 0x39, 1, avx512, OP3 | EVEX)                                                \
    X(VPMAXSQ, 66, 38, 0x3d, 1, avx512, OP3 | EVEX)                                                \
    X(VPMINUQ, 66, 38, 0x3b, 1, avx512, OP3 | EVEX)                                                \
    X(VPMAXUQ, 66, 38, 0x3f, 1, avx512, OP3 | EVEX)                                                \
    X(VPSRAQ, 66, 0F, 0xe2, 1, avx512, OP3 | EVEX)                                                 \
    X(VPSRAQ_I, 66, 0F, 0x72, 1, avx512, G(4) | EVEX)                                              \
    X(VPROLD_I, 66, 0F, 0x72, 0, avx512, G(1) | EVEX)                                              \
    X(VPROLQ_I, 66, 0F, 0x72, 1, avx512, G(1) | EVEX)                                              \
    X(VPRORD_I, 66, 0F, 0x72, 0, avx512, G(0) | EVEX)                                              \
    X(VPRORQ_I, 66, 0F, 0x72, 1, avx512, G(0) | EVEX)                                              \
    X(VPROLVD, 66, 38, 0x15, 0, avx512, OP3 | EVEX)                                                \
    X(VPROLVQ, 66, 38, 0x15, 1, avx512, OP3 | EVEX)                                                \
    X(VPRORVD, 66, 38, 0x14, 0, avx512, OP3 | EVEX)                                                \
    X(VPRORVQ, 66, 38, 0x14, 1, avx512, OP3 | EVEX)                                                \
    X(VPSLLVW, 66, 38, 0x12, 1, avx512, OP3 | EVEX)                                                \
    X(VPSRLVW, 66, 38, 0x10, 1, avx512, OP3 | EVEX)                                                \
    X(VPSRAVW, 66, 38, 0x11, 1, avx512, OP3 | EVEX)                                                \
    X(VPSRAVQ, 66, 38, 0x46, 1, avx512, OP3 | EVEX)                                                \
    X(VPLZCNTD, 66, 38, 0x44, 0, avx512, OP2 | EVEX)                                               \
    X(VPLZCNTQ, 66, 38, 0x44, 1, avx512, OP2 | EVEX)                                               \
    X(VPOPCNTB, 66, 38, 0x54, 0, bitalg, OP2 | EVEX)                                               \
    X(VPOPCNTW, 66, 38, 0x54, 1, bitalg, OP2 | EVEX)                                               \
    X(VPOPCNTD, 66, 38, 0x55, 0, vpopcntdq, OP2 | EVEX)                                            \
    X(VPOPCNTQ, 66, 38, 0x55, 1, vpopcntdq, OP2 | EVEX)                                            \
    X(VPERMW, 66, 38, 0x8d, 1, avx512, OP3 | EVEX)                                                 \
    X(VPERMB, 66, 38, 0x8d, 0, vbmi, OP3 | EVEX)                                                   \
    X(VPERMT2B, 66, 38, 0x7d, 0, vbmi, OP3 | EVEX)                                                 \
    X(VPERMI2B, 66, 38, 0x75, 0, vbmi, OP3 | EVEX)                                                 \
    X(VCVTQQ2PD, F3, 0F, 0xe6, 1, avx512, OP2 | EVEX)                                              \
    X(VCVTUQQ2PD, F3, 0F, 0x7a, 1, avx512, OP2 | EVEX)                                             \
    X(VCVTUDQ2PS, F2, 0F, 0x7a, 0, avx512, OP2 | EVEX)                                             \
    X(VCVTTPD2QQ, 66, 0F, 0x7a, 1, avx512, OP2 | EVEX)                                             \
    X(VCVTTPD2UQQ, 66, 0F, 0x78, 1, avx512, OP2 | EVEX)                                            \
    X(VCVTTPS2UDQ, NP, 0F, 0x78, 0, avx512, OP2 | EVEX)

#define X64_FMA_ROWS(X, name, opcode)                                                              \
    X(name##PS, 66, 38, opcode, 0, fma, OP3 | VEX)                                                 \
    X(name##PD, 66, 38, opcode, 1, fma, OP3 | VEX)                                                 \
    X(name##SS, 66, 38, (opcode) + 1, 0, fma, OP3 | VEX)                                           \
    X(name##SD, 66, 38, (opcode) + 1, 1, fma, OP3 | VEX)

#define X64_VOP_ENUM(name, prefix, map, opcode, w, needs, flags) X64_##name,
enum x64_vop { X64_VOPS(X64_VOP_ENUM) X64_VOP_COUNT };
#undef X64_VOP_ENUM

#endif
