/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins change in the request. */
#include <errno.h>

#include "plugin/call_memory.h"
#include "plugin/call_request.h"

static struct call *call_of(a6_request *req)
{
    return (struct call *)(void *)req;
}

/* The arena, or NULL when nothing can be changed any more. */
static struct arena *arena_of(a6_request *req)
{
    return call_request_of(req)->answered ? NULL : &call_of(req)->arena;
}

int call_request_set_path(a6_request *req, a6_str path)
{
    struct call_request *request = call_request_of(req);
    char *copy;

    if (!arena_of(req))
        return -EALREADY;
    if (call_check_path(path))
        return -EINVAL;
    copy = arena_copy(arena_of(req), path.data, path.len);
    if (!copy)
        return -ENOMEM;
    request->path = (struct wire_str){copy, (uint32_t)path.len};
    request->path_changed = true;
    return 0;
}

int call_request_set_arg(a6_request *req, a6_str name, a6_str value)
{
    if (!arena_of(req))
        return -EALREADY;
    if (call_check_arg(name, value))
        return -EINVAL;
    return edits_set(&call_request_of(req)->args, arena_of(req), name, value);
}

int call_request_add_arg(a6_request *req, a6_str name, a6_str value)
{
    if (!arena_of(req))
        return -EALREADY;
    if (call_check_arg(name, value))
        return -EINVAL;
    return edits_add(&call_request_of(req)->args, arena_of(req), name, value);
}

int call_request_delete_arg(a6_request *req, a6_str name)
{
    if (!arena_of(req))
        return -EALREADY;
    if (call_check_text(name))
        return -EINVAL;
    return edits_delete(&call_request_of(req)->args, arena_of(req), name);
}

/* The headers that say where the body ends are set by who sends it. The gateway would
 * believe a plugin's, and the next request on the upstream's connection would begin in the
 * middle of this one. */
static int check_header(a6_request *req, a6_str name)
{
    if (!arena_of(req))
        return -EALREADY;
    if (call_check_header_name(name))
        return -EINVAL;
    return call_is_name(name, "content-length") || call_is_name(name, "transfer-encoding")
               ? -ENOTSUP
               : 0;
}

int call_request_set_header(a6_request *req, a6_str name, a6_str value)
{
    int refused = check_header(req, name);

    if (refused)
        return refused;
    if (call_check_value(value))
        return -EINVAL;
    return edits_set(&call_request_of(req)->headers, arena_of(req), name, value);
}

int call_request_add_header(a6_request *req, a6_str name, a6_str value)
{
    int refused = check_header(req, name);

    if (refused)
        return refused;
    if (call_check_value(value))
        return -EINVAL;
    return edits_join(&call_request_of(req)->headers, arena_of(req), name, value);
}

int call_request_delete_header(a6_request *req, a6_str name)
{
    int refused = check_header(req, name);

    return refused ? refused : edits_delete(&call_request_of(req)->headers, arena_of(req), name);
}

int call_request_set_body(a6_request *req, a6_str body)
{
    struct wire_str copy;

    if (!arena_of(req))
        return -EALREADY;
    if (!body.data || body.len == 0)
        return -EINVAL;
    if (body.len > FRAME_PAYLOAD_MAX)
        return -EMSGSIZE;
    copy = call_memory_copy(call_of(req), body.data, body.len);
    if (!copy.data)
        return -ENOMEM;
    call_request_of(req)->body = copy;
    call_of(req)->speaker = call_of(req)->current;
    return 0;
}

/* The names that the gateway leaves out of what it adds to the final response. */
static bool is_ignored(a6_str name)
{
    static const char *const ignored[] = {
        "connection",       "content-length",   "transfer-encoding", "location",
        "server",           "www-authenticate", "content-encoding",  "content-type",
        "content-location", "content-language",
    };

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        if (call_same_name(name.data, name.len, ignored[i], strlen(ignored[i])))
            return true;
    }
    return false;
}

int call_request_add_response_header(a6_request *req, a6_str name, a6_str value)
{
    if (!arena_of(req))
        return -EALREADY;
    if (call_check_header(name, value))
        return -EINVAL;
    if (is_ignored(name))
        return -ENOTSUP;
    return edits_push(&call_request_of(req)->response_headers, arena_of(req), name, value);
}
