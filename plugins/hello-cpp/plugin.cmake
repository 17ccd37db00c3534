# SPDX-License-Identifier: Apache-2.0
set(PLUGIN_LIBRARIES PkgConfig::JANSSON)
