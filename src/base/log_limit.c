/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_limit.h"

#include <string.h>

static uint64_t log_limit_key(enum log_level level, const void *place, const char *text, size_t len)
{
    uint64_t key = 0xcbf29ce484222325u ^ (uintptr_t)place ^ (uint64_t)level << 56;

    for (size_t i = 0; i < len; i++)
        key = (key ^ (unsigned char)text[i]) * 0x100000001b3u;
    key ^= key >> 32;
    return key ? key : 1;
}

/* Moves the slot's count to told. */
static void log_limit_tell(struct log_limit *limit, struct log_limit_slot *slot,
                           struct log_limit_held *told)
{
    *told = slot->held;
    slot->held.count = 0;
    limit->waiting--;
}

static void log_limit_start(struct log_limit_slot *slot, uint64_t now_ms, uint32_t passed)
{
    slot->start_ms = now_ms;
    slot->passed = passed;
}

bool log_limit_pass(struct log_limit *limit, enum log_level level, const void *place,
                    const char *text, size_t len, uint64_t now_ms, struct log_limit_held *told)
{
    uint64_t key = log_limit_key(level, place, text, len);
    struct log_limit_slot *slot = &limit->slots[key % LOG_LIMIT_SLOTS];

    told->count = 0;
    if (slot->key != key) {
        if (slot->held.count)
            log_limit_tell(limit, slot, told);
        slot->key = key;
        log_limit_start(slot, now_ms, 1);
        return true;
    }
    if (now_ms - slot->start_ms >= LOG_LIMIT_WINDOW_MS) {
        if (!slot->held.count) {
            log_limit_start(slot, now_ms, 1);
            return true;
        }
        /* It goes on: this second has only the count of the one before. */
        slot->held.count++;
        log_limit_tell(limit, slot, told);
        log_limit_start(slot, now_ms, LOG_LIMIT_BURST);
        return false;
    }
    if (slot->passed < LOG_LIMIT_BURST) {
        slot->passed++;
        return true;
    }
    if (!slot->held.count++) {
        limit->waiting++;
        slot->held.level = level;
        slot->held.len = len < LOG_LIMIT_TEXT ? len : LOG_LIMIT_TEXT;
        memcpy(slot->held.text, text, slot->held.len);
    }
    return false;
}

bool log_limit_due(struct log_limit *limit, uint64_t now_ms, bool all, struct log_limit_held *told)
{
    if (!limit->waiting)
        return false;
    for (size_t i = 0; i < LOG_LIMIT_SLOTS; i++) {
        struct log_limit_slot *slot = &limit->slots[i];

        if (!slot->held.count)
            continue;
        if (!all && now_ms - slot->start_ms < LOG_LIMIT_WINDOW_MS)
            continue;
        log_limit_tell(limit, slot, told);
        log_limit_start(slot, now_ms, LOG_LIMIT_BURST);
        return true;
    }
    return false;
}
