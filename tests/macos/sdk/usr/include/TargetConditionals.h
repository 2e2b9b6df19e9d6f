/* SPDX-License-Identifier: ISC */
#ifndef SDK_TARGET_CONDITIONALS_H
#define SDK_TARGET_CONDITIONALS_H

#define TARGET_OS_MAC       1
#define TARGET_OS_OSX       1
#define TARGET_OS_IPHONE    0
#define TARGET_OS_IOS       0
#define TARGET_OS_TV        0
#define TARGET_OS_SIMULATOR 0
#define TARGET_CPU_ARM64    1

#endif
