/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_lane.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define EVENTS_MAX 256
#define LOOK_NS 50000000u /* how often a lane looks whether it is to end */

static void end_connection(struct bench_lane *lane, struct bench_connection *connection)
{
    if (connection->busy)
        lane->busy--;
    connection->busy = false;
    close(connection->fd);
    connection->fd = -1;
    atomic_fetch_sub_explicit(&lane->open, 1, memory_order_relaxed);
}

/* Counts why it ended: the runner hung up, or something else went wrong. */
static void lose_connection(struct bench_lane *lane, struct bench_connection *connection, int why)
{
    if (why == EPIPE || why == ECONNRESET)
        lane->counts.closed++;
    else
        lane->counts.failed++;
    end_connection(lane, connection);
}

/* false: the connection has ended. */
static bool flush(struct bench_lane *lane, struct bench_connection *connection)
{
    struct epoll_event event = {.data = {.ptr = connection}};

    while (connection->out_len) {
        ssize_t sent =
            send(connection->fd, connection->out, connection->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN) {
            lose_connection(lane, connection, errno);
            return false;
        }
        if (sent < 0)
            break;
        connection->out += sent;
        connection->out_len -= (size_t)sent;
    }
    if (connection->watching_room == (connection->out_len > 0))
        return true;
    connection->watching_room = connection->out_len > 0;
    event.events = EPOLLIN | (connection->watching_room ? EPOLLOUT : 0u);
    epoll_ctl(lane->epoll, EPOLL_CTL_MOD, connection->fd, &event);
    return true;
}

static bool send_bytes(struct bench_lane *lane, struct bench_connection *connection,
                       const uint8_t *data, size_t len)
{
    connection->out = data;
    connection->out_len = len;
    return flush(lane, connection);
}

/* since: when the call was due. false: the connection has ended. */
static bool begin_call(struct bench_lane *lane, struct bench_connection *connection, uint64_t since)
{
    const struct bench_plan *plan = lane->shared->plan;
    const struct bench_frame *frame = plan->call;
    uint8_t *copy = connection->call_copy;

    connection->also = false;
    if (plan->also && (lane->also_due += plan->also_share) >= 1) {
        lane->also_due -= 1;
        connection->also = true;
        frame = plan->also;
        copy = connection->also_copy;
    }
    connection->id = atomic_fetch_add_explicit(&lane->shared->number, 1, memory_order_relaxed);
    bench_frame_number(frame, copy, connection->id);
    connection->turn = (struct answers_turn){.response_phase = plan->mode == BENCH_RESP};
    connection->since = since;
    connection->busy = true;
    lane->busy++;
    return send_bytes(lane, connection, copy, frame->len);
}

/* When the number of calls is limited: whether there is one left to begin. */
static bool take_one(struct bench_lane *lane)
{
    uint64_t calls = lane->shared->plan->calls;

    return !calls ||
           atomic_fetch_add_explicit(&lane->shared->begun, 1, memory_order_relaxed) < calls;
}

static void set_free(struct bench_lane *lane, struct bench_connection *connection)
{
    connection->next_free = NULL;
    if (lane->free_last)
        lane->free_last->next_free = connection;
    else
        lane->free_first = connection;
    lane->free_last = connection;
}

static struct bench_connection *get_free(struct bench_lane *lane)
{
    struct bench_connection *connection;

    do {
        connection = lane->free_first;
        if (!connection)
            return NULL;
        lane->free_first = connection->next_free;
        if (!lane->free_first)
            lane->free_last = NULL;
    } while (connection->fd < 0);
    return connection;
}

/* With a rate: begins the calls that are due, as far as connections are free. Gives
 * the ns until the next one. */
static uint64_t begin_due(struct bench_lane *lane)
{
    for (;;) {
        uint64_t now = clock_ns();
        struct bench_connection *connection;

        if (lane->due_ns > now)
            return lane->due_ns - now;
        connection = get_free(lane);
        if (!connection || !take_one(lane)) {
            if (connection)
                set_free(lane, connection);
            return LOOK_NS;
        }
        begin_call(lane, connection, lane->due_ns);
        lane->due_fraction += lane->interval_ns;
        lane->due_ns += (uint64_t)lane->due_fraction;
        lane->due_fraction -= (double)(uint64_t)lane->due_fraction;
    }
}

/* The next call on a connection that has none out. false: it has ended. */
static bool go_on(struct bench_lane *lane, struct bench_connection *connection)
{
    if (lane->shared->plan->rate > 0) {
        set_free(lane, connection);
        return true;
    }
    return take_one(lane) ? begin_call(lane, connection, clock_ns()) : true;
}

static bool answer(struct bench_lane *lane, struct bench_connection *connection,
                   const struct frame *frame)
{
    struct message_extra_info question;
    struct answers_frame known;

    if (message_read_extra_info(frame->payload, frame->size, &question) < 0) {
        lane->counts.mismatches++;
        end_connection(lane, connection);
        return false;
    }
    if (lane->counting)
        lane->counts.asked++;
    known = answers_find(lane->shared->plan->answers, &connection->turn, &question);
    return send_bytes(lane, connection, known.data, known.len);
}

static void count_latency(struct bench_lane *lane, const struct bench_connection *connection)
{
    if (!lane->counting)
        return;
    bench_histogram_add(connection->also ? &lane->counts.also : &lane->counts.latency,
                        clock_ns() - connection->since);
    atomic_store_explicit(&lane->answered, lane->counts.also.total + lane->counts.latency.total,
                          memory_order_relaxed);
}

/* false: the connection has ended. */
static bool on_frame(struct bench_lane *lane, struct bench_connection *connection,
                     const struct frame *frame)
{
    if (!connection->busy) {
        lane->counts.mismatches++; /* nobody asked for this frame */
        end_connection(lane, connection);
        return false;
    }
    if (frame->type == FRAME_EXTRA_INFO && lane->shared->plan->mode != BENCH_CONF)
        return answer(lane, connection, frame);
    count_latency(lane, connection);
    bench_reply_check(lane, connection, frame);
    connection->busy = false;
    lane->busy--;
    return go_on(lane, connection);
}

static void on_readable(struct bench_lane *lane, struct bench_connection *connection)
{
    struct frame frame;
    int full = 1;

    while (full) {
        int status = stream_receive(&connection->stream, connection->fd, &full);

        if (status == STREAM_WAIT)
            return;
        if (status != 0) {
            lose_connection(lane, connection, status == STREAM_END ? EPIPE : -status);
            return;
        }
        while (stream_next(&connection->stream, &frame) == 0)
            if (!on_frame(lane, connection, &frame))
                return;
    }
}

static int wait_for(struct bench_lane *lane, struct epoll_event *events, uint64_t ns)
{
    struct timespec time = {.tv_nsec = (long)(ns < LOOK_NS ? ns : LOOK_NS)};

    return epoll_pwait2(lane->epoll, events, EVENTS_MAX, &time, NULL);
}

static void begin(struct bench_lane *lane)
{
    if (lane->shared->plan->rate > 0)
        lane->due_ns = clock_ns();
    for (unsigned i = 0; i < lane->count; i++)
        if (lane->connections[i].fd >= 0)
            go_on(lane, &lane->connections[i]);
}

/* All calls of a limited number are begun and none is out. */
static bool all_done(const struct bench_lane *lane)
{
    uint64_t calls = lane->shared->plan->calls;

    return calls && !lane->busy &&
           atomic_load_explicit(&lane->shared->begun, memory_order_relaxed) >= calls;
}

void *bench_lane_run(void *data)
{
    struct bench_lane *lane = data;
    struct epoll_event events[EVENTS_MAX];
    bool paced = lane->shared->plan->rate > 0;

    prctl(PR_SET_TIMERSLACK, 1); /* ns: a call that is due is not to wait for others */
    begin(lane);
    while (lane->open && !all_done(lane)) {
        int phase = atomic_load_explicit(&lane->shared->phase, memory_order_relaxed);
        int count;

        if (phase == BENCH_ENDING)
            break;
        lane->counting = phase == BENCH_MEASURING;
        count = wait_for(lane, events, paced ? begin_due(lane) : LOOK_NS);
        for (int i = 0; i < count; i++) {
            struct bench_connection *connection = events[i].data.ptr;

            if (connection->fd >= 0 && events[i].events & EPOLLOUT && !flush(lane, connection))
                continue;
            if (connection->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT)
                on_readable(lane, connection);
        }
    }
    atomic_store(&lane->open, 0);
    return NULL;
}
