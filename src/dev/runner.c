/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "dev/console.h"

#define STEP_MS 5
#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS 5000
/* Who has lived so long is started again at once. */
#define LONG_LIFE_MS 5000
#define STOP_MS 1000

#define USUAL_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool has_name(const char *entry, const char *name)
{
    size_t len = strcspn(name, "=");

    return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

/* NAME=value as it is, or our own entry of NAME; NULL when we have none. */
static const char *find_variable(const char *wanted)
{
    if (strchr(wanted, '='))
        return wanted;
    for (char **entry = environ; *entry; entry++) {
        if (has_name(*entry, wanted))
            return *entry;
    }
    return NULL;
}

/* Ends with NULL. To be freed, but not its texts, which are the runner's, ours and `address`. */
static const char **make_environment(const struct runner *runner, const char *address)
{
    size_t ours = 0, count = 0;
    const char **made, *own;

    while (environ[ours])
        ours++;
    made = calloc(ours + runner->variables->count + 4, sizeof(*made));
    if (!made)
        return NULL;
    for (size_t i = 0; runner->whole_environment && i < ours; i++) {
        if (!has_name(environ[i], "APISIX_LISTEN_ADDRESS") &&
            !has_name(environ[i], "APISIX_CONF_EXPIRE_TIME"))
            made[count++] = environ[i];
    }
    for (size_t i = 0; i < runner->variables->count; i++) {
        own = find_variable(runner->variables->items[i]);
        if (own)
            made[count++] = own;
    }
    if (!runner->whole_environment) {
        own = find_variable("PATH");
        made[count++] = own ? own : USUAL_PATH;
    }
    made[count++] = address;
    made[count] = "APISIX_CONF_EXPIRE_TIME=3600";
    return made;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int runner_start(struct runner *runner)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    /* A path that does not fit is too long to be listened on, too. */
    char address[64 + sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    const char **environment;
    int result;

    snprintf(address, sizeof(address), "APISIX_LISTEN_ADDRESS=unix:%s", runner->socket);
    environment = make_environment(runner, address);
    result = environment ? child_pipe(in) : -ENOMEM;
    if (result == 0)
        result = child_pipe(out);
    if (result == 0)
        result = child_start(&runner->child, runner->arguments, environment,
                             (int[]){in[0], out[1], out[1]});
    free(environment);
    close_one(&in[0]);
    close_one(&out[1]);
    if (result < 0) {
        close_one(&in[1]);
        close_one(&out[0]);
        return result;
    }
    (void)fcntl(out[0], F_SETFL, O_NONBLOCK);
    runner->input = in[1];
    runner->output = out[0];
    runner->started_ms = clock_ms();
    runner->due_ms = 0;
    return 0;
}

bool runner_listens(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    connected = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close_one(&fd);
    return connected;
}

int runner_wait(struct runner *runner, int ms)
{
    struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    uint64_t end = clock_ms() + (uint64_t)ms;

    while (clock_ms() <= end) {
        if (!child_alive(&runner->child))
            return -ESRCH;
        if (runner_listens(runner->socket))
            return 0;
        nanosleep(&step, NULL);
    }
    return -ETIMEDOUT;
}

static void say_how_it_ended(const struct runner *runner)
{
    int status = runner->child.status;

    if (WIFSIGNALED(status))
        console_line(CONSOLE_BAD, "runner", "was ended by signal %d (%s); it is started again",
                     WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        console_line(CONSOLE_WARN, "runner", "exited with status %d; it is started again",
                     WEXITSTATUS(status));
}

bool runner_tend(struct runner *runner)
{
    uint64_t now = clock_ms();

    if (runner->due_ms == 0) {
        if (child_alive(&runner->child))
            return false;
        say_how_it_ended(runner);
        close_one(&runner->input);
        if (now - runner->started_ms >= LONG_LIFE_MS)
            runner->delay_ms = 0;
        runner->due_ms = now + runner->delay_ms;
        runner->delay_ms = runner->delay_ms == 0                 ? DELAY_FIRST_MS
                           : runner->delay_ms * 2 < DELAY_MAX_MS ? runner->delay_ms * 2
                                                                 : DELAY_MAX_MS;
    }
    if (now < runner->due_ms)
        return false;
    if (runner_start(runner) < 0) {
        runner->due_ms = now + DELAY_MAX_MS;
        return false;
    }
    return true;
}

void runner_stop(struct runner *runner)
{
    child_stop(&runner->child, SIGTERM, STOP_MS);
    close_one(&runner->input);
    close_one(&runner->output);
}
