/* SPDX-License-Identifier: ISC */
#ifndef SDK_NET_IF_H
#define SDK_NET_IF_H

#define IFNAMSIZ 16

unsigned if_nametoindex(const char *name);

#endif
