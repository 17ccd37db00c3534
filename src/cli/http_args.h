/* SPDX-License-Identifier: Apache-2.0 */
/* It moved, because the test kit reads requests too. */
#include "client/http_args.h"
