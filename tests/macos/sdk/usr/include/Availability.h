/* SPDX-License-Identifier: ISC */
#ifndef SDK_AVAILABILITY_H
#define SDK_AVAILABILITY_H

#define __API_AVAILABLE(...)

#endif
