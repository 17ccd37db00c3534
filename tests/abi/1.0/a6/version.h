/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version numbers of the project and of its plugin ABI.
 *
 * The project's version is for people. The ABI version is for the loader: a
 * plugin is loaded when its major number equals the host's and its minor number
 * is not above the host's. The major number changes when something that exists
 * changes its meaning or place, which this project does not do lightly; the
 * minor number grows by one with every addition.
 */
#ifndef A6_VERSION_H
#define A6_VERSION_H

#define A6_VERSION_MAJOR 0
#define A6_VERSION_MINOR 1
#define A6_VERSION_PATCH 0
#define A6_VERSION "0.1.0"

#define A6_ABI_MAJOR 1
#define A6_ABI_MINOR 0

#endif
