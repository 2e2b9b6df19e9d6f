/* SPDX-License-Identifier: ISC */
#ifndef SDK_MACH_VM_INHERIT_H
#define SDK_MACH_VM_INHERIT_H

#define VM_INHERIT_SHARE 0
#define VM_INHERIT_COPY  1
#define VM_INHERIT_NONE  2

#endif
