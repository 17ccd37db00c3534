/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A content (key and confs) as one run of bytes, the same for the same content: what
 * is hashed, compared, stored and written to the file.
 *
 *     count | key | count times: name, value
 *
 * Numbers are 32 bits, little-endian. A string is its length and its bytes with a NUL
 * behind them; the length 0xffffffff, with nothing behind it, is an absent one. So an
 * absent string, an empty one and every other differ. Any thread.
 */
#ifndef CONF_STORE_CONTENT_H
#define CONF_STORE_CONTENT_H

#include "conf/store.h"

/* A content that came in one frame is smaller. More is made by a frame whose entries
 * share one string, which no gateway sends. */
#define STORE_CONTENT_MAX FRAME_PAYLOAD_MAX
#define STORE_CONTENT_MIN 8u

struct store_content {
    uint8_t *data;
    size_t len;
    uint8_t small[2048]; /* data, when it fits */
};

/* 0, -EMSGSIZE, -ENOMEM. To be freed unless it failed. */
int store_content_make(struct store_content *content, const struct message_prepare_conf *message);
void store_content_free(struct store_content *content);

/* No record is larger: an entry of eight bytes grows by a struct. */
#define STORE_CONTENT_RECORD_MAX                                                                   \
    (sizeof(struct conf_record) + STORE_CONTENT_MAX / 8 * sizeof(struct conf_entry) +              \
     STORE_CONTENT_MAX)

/* How many bytes a record of this content takes; 0 when the content cannot be one.
 * Trusts nothing in it. */
size_t store_content_record_size(const uint8_t *data, size_t len);

/* Makes the record in memory of record_size bytes, whose last len bytes are the
 * content already. 0, or -EBADMSG when the content is none. */
int store_content_record(struct conf_record *record, size_t record_size, size_t len);

#endif
