/* SPDX-License-Identifier: ISC */
/*
 * Names for the bits of PSTATE and of the registers that control EL1: what the MMU, the exception
 * model, the timers and the debugger look at (Arm ARM C5.2, D19.2). Values are 64 bits wide; a name
 * ending in _SHIFT is the low bit of a field.
 */
#ifndef ARM_REGS_H
#define ARM_REGS_H

#include <stdint.h>

#define REG_BIT(n) (UINT64_C(1) << (n))

/* PSTATE as SPSR_EL1 packs it. */
#define PSTATE_N    REG_BIT(31)
#define PSTATE_Z    REG_BIT(30)
#define PSTATE_C    REG_BIT(29)
#define PSTATE_V    REG_BIT(28)
#define PSTATE_UAO  REG_BIT(23)
#define PSTATE_PAN  REG_BIT(22)
#define PSTATE_SS   REG_BIT(21)
#define PSTATE_IL   REG_BIT(20)
#define PSTATE_SSBS REG_BIT(12)
#define PSTATE_D    REG_BIT(9)
#define PSTATE_A    REG_BIT(8)
#define PSTATE_I    REG_BIT(7)
#define PSTATE_F    REG_BIT(6)
#define PSTATE_DAIF (PSTATE_D | PSTATE_A | PSTATE_I | PSTATE_F)
#define PSTATE_NRW  REG_BIT(4) /* AArch32 */
#define PSTATE_MODE UINT64_C(0x1f)
#define PSTATE_EL   UINT64_C(0xc)
#define PSTATE_EL0T UINT64_C(0x0)
#define PSTATE_EL1T UINT64_C(0x4)
#define PSTATE_EL1H UINT64_C(0x5)

/* SCTLR_EL1 */
#define SCTLR_M     REG_BIT(0)
#define SCTLR_A     REG_BIT(1)
#define SCTLR_C     REG_BIT(2)
#define SCTLR_SA    REG_BIT(3)
#define SCTLR_SA0   REG_BIT(4)
#define SCTLR_UMA   REG_BIT(9)
#define SCTLR_I     REG_BIT(12)
#define SCTLR_ENDB  REG_BIT(13)
#define SCTLR_DZE   REG_BIT(14)
#define SCTLR_UCT   REG_BIT(15)
#define SCTLR_NTWI  REG_BIT(16)
#define SCTLR_NTWE  REG_BIT(18)
#define SCTLR_WXN   REG_BIT(19)
#define SCTLR_SPAN  REG_BIT(23)
#define SCTLR_UCI   REG_BIT(26)
#define SCTLR_ENDA  REG_BIT(27)
#define SCTLR_ENIB  REG_BIT(30)
#define SCTLR_ENIA  REG_BIT(31)
#define SCTLR_DSSBS REG_BIT(44)

/* CPACR_EL1.FPEN: 0 and 2 trap both levels, 1 traps EL0, 3 traps nothing. */
#define CPACR_FPEN_SHIFT 20
#define CPACR_FPEN       (UINT64_C(3) << CPACR_FPEN_SHIFT)

/* TCR_EL1 */
#define TCR_T0SZ_SHIFT 0 /* 6 bits */
#define TCR_EPD0       REG_BIT(7)
#define TCR_TG0_SHIFT  14 /* 2 bits: 0 4K, 1 64K, 2 16K */
#define TCR_T1SZ_SHIFT 16 /* 6 bits */
#define TCR_A1         REG_BIT(22)
#define TCR_EPD1       REG_BIT(23)
#define TCR_TG1_SHIFT  30 /* 2 bits: 1 16K, 2 4K, 3 64K */
#define TCR_IPS_SHIFT  32 /* 3 bits */
#define TCR_AS         REG_BIT(36)
#define TCR_TBI0       REG_BIT(37)
#define TCR_TBI1       REG_BIT(38)
#define TCR_HPD0       REG_BIT(41)
#define TCR_HPD1       REG_BIT(42)
#define TCR_TBID0      REG_BIT(51)
#define TCR_TBID1      REG_BIT(52)
#define TCR_E0PD0      REG_BIT(55)
#define TCR_E0PD1      REG_BIT(56)

/* TTBRn_EL1 */
#define TTBR_CNP        REG_BIT(0)
#define TTBR_BADDR      UINT64_C(0x0000fffffffffffe)
#define TTBR_ASID_SHIFT 48

/* PAR_EL1 */
#define PAR_F          REG_BIT(0)
#define PAR_FST_SHIFT  1 /* 6 bits, when F */
#define PAR_SH_SHIFT   7 /* 2 bits, when not F */
#define PAR_RES1       REG_BIT(11)
#define PAR_PA         UINT64_C(0x0000fffffffff000)
#define PAR_ATTR_SHIFT 56

/* FPCR and FPSR */
#define FPCR_FZ16        REG_BIT(19)
#define FPCR_RMODE_SHIFT 22 /* 2 bits: nearest, plus, minus, zero */
#define FPCR_FZ          REG_BIT(24)
#define FPCR_DN          REG_BIT(25)
#define FPCR_AHP         REG_BIT(26)
#define FPSR_IOC         REG_BIT(0)
#define FPSR_DZC         REG_BIT(1)
#define FPSR_OFC         REG_BIT(2)
#define FPSR_UFC         REG_BIT(3)
#define FPSR_IXC         REG_BIT(4)
#define FPSR_IDC         REG_BIT(7)
#define FPSR_QC          REG_BIT(27)

/* CNTKCTL_EL1, CNTx_CTL_EL0 */
#define CNTKCTL_EL0PCTEN    REG_BIT(0)
#define CNTKCTL_EL0VCTEN    REG_BIT(1)
#define CNTKCTL_EVNTEN      REG_BIT(2)
#define CNTKCTL_EVNTDIR     REG_BIT(3)
#define CNTKCTL_EVNTI_SHIFT 4 /* 4 bits */
#define CNTKCTL_EL0VTEN     REG_BIT(8)
#define CNTKCTL_EL0PTEN     REG_BIT(9)
#define CNT_CTL_ENABLE      REG_BIT(0)
#define CNT_CTL_IMASK       REG_BIT(1)
#define CNT_CTL_ISTATUS     REG_BIT(2)

/* Debug: MDSCR_EL1, OSLSR_EL1, DBGBCR<n>_EL1, DBGWCR<n>_EL1 */
#define MDSCR_SS   REG_BIT(0)
#define MDSCR_TDCC REG_BIT(12)
#define MDSCR_KDE  REG_BIT(13)
#define MDSCR_MDE  REG_BIT(15)
#define OSLSR_OSLK REG_BIT(1)
#define DBGBCR_E   REG_BIT(0)
#define DBGWCR_E   REG_BIT(0)

/* Offsets from VBAR_EL1 (D1.3.1): where the exception came from, plus its kind. */
#define VECTOR_CURRENT_SP0 0x000
#define VECTOR_CURRENT_SPX 0x200
#define VECTOR_LOWER_64    0x400
#define VECTOR_SYNC        0x000
#define VECTOR_IRQ         0x080
#define VECTOR_FIQ         0x100
#define VECTOR_SERROR      0x180

#endif
