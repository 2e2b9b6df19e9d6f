/* SPDX-License-Identifier: ISC */
/* Nothing but what other libraries' headers expect of it. */
#ifndef SDK_SYS_CDEFS_H
#define SDK_SYS_CDEFS_H

#define __BEGIN_DECLS
#define __END_DECLS

#endif
