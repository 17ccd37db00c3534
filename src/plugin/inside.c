/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/inside.h"

_Thread_local struct inside *inside_place;
