// SPDX-License-Identifier: Apache-2.0
// Plugins that do what no plugin should: the conf is the name of the fault. What goes
// wrong where there is no conf, in init and shutdown, is named in the file FAULTS_FILE of
// the environment; FAULTS_FILE.met is made when it is about to happen in init. In C++, so
// that it can also throw through the runner's C.
#include <a6/plugin.h>

#include <csignal>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <mutex>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <thread>
#include <time.h>
#include <unistd.h>

namespace
{

volatile int zero = 0, seven = 7;

struct fault {
    std::string name;
    void *left_over = nullptr;
};

int overflow(volatile char *below)
{
    volatile char here[4096];

    here[0] = below ? *below : 'x';
    return overflow(here) + here[1];
}

void corrupt_heap()
{
    // Behind its end lie the allocator's own fields of the next pieces.
    volatile char *piece = static_cast<char *>(std::malloc(24));

    for (int i = 24; i < 4096; i++)
        piece[i] = 'x';
    for (int i = 0; i < 64; i++)
        std::free(std::malloc(static_cast<std::size_t>(i) * 40));
    std::abort(); // what the allocator has not noticed by now
}

void wait(long ms)
{
    struct timespec rest = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&rest, &rest) != 0)
        ;
}

// Is woken by connections in place of a worker and takes none, as a worker that is stopped at
// that moment.
void swallow()
{
    struct epoll_event event = {};
    int listening = 0;
    socklen_t size = sizeof(listening);
    int set = epoll_create1(0);

    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    for (int fd = 3; fd < 100; fd++) {
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening)
            epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
    }
    std::thread([set] {
        struct epoll_event ready;
        for (;; wait(1))
            epoll_wait(set, &ready, 1, -1);
    }).detach();
}

// As a debugger could that attaches at the wrong moment: the lock is what lies first.
void stop_in_the_store()
{
    std::ifstream maps("/proc/self/maps");
    std::string line;

    while (std::getline(maps, line)) {
        if (line.find("a6-conf-store") == std::string::npos)
            continue;
        pthread_mutex_lock(reinterpret_cast<pthread_mutex_t *>(std::stoull(line, nullptr, 16)));
        kill(getpid(), SIGSTOP);
        return;
    }
}

void deadlock()
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock);
}

void spin()
{
    for (volatile unsigned long n = 0;; n = n + 1)
        ;
}

void leak()
{
    char *piece = static_cast<char *>(std::malloc(65536));

    for (int i = 0; piece && i < 65536; i += 4096)
        piece[i] = 'x';
}

// The handler of the crash cannot name the stack's frames then.
void crash_while_linking(const std::string &file)
{
    std::thread([file] { dlopen(file.c_str(), RTLD_NOW); }).detach();
    wait(200);
    std::raise(SIGSEGV);
}

void fork_and_stay()
{
    pid_t child = fork();

    if (child == 0) {
        wait(5000); // with every descriptor of the worker
        _exit(0);
    }
}

// As one whose child was to execute a program that is not there.
void fork_and_go_on()
{
    pid_t child = fork();

    if (child == 0)
        wait(20);
}

void block_signals()
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
}

void die_in_a_thread()
{
    std::thread([] { std::raise(SIGSEGV); }).join();
}

// Closes what threads are woken with, or leaves the number to a socket; and comes back when
// another thread has the loop.
void take_eventfds(bool reuse)
{
    int pair[2];

    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    for (int fd = 3; fd < 100; fd++) {
        char link[64] = "";
        std::string path = "/proc/self/fd/" + std::to_string(fd);
        if (readlink(path.c_str(), link, sizeof(link) - 1) < 0 ||
            std::string(link) != "anon_inode:[eventfd]")
            continue;
        if (reuse)
            dup2(pair[0], fd);
        else
            close(fd);
    }
    wait(50);
}

void commit(const std::string &name)
{
    if (name == "segv")
        std::raise(SIGSEGV);
    else if (name.rfind("link ", 0) == 0)
        crash_while_linking(name.substr(5));
    else if (name == "null")
        *reinterpret_cast<volatile int *>(static_cast<std::uintptr_t>(zero + 16)) = 1;
    else if (name == "abort")
        std::abort();
    else if (name == "divide")
        zero = seven / zero;
    else if (name == "overflow")
        overflow(nullptr);
    else if (name == "heap")
        corrupt_heap();
    else if (name == "exit")
        std::exit(0);
    else if (name == "_exit")
        _exit(3);
    else if (name == "throw")
        throw std::runtime_error("through C");
    else if (name == "close")
        for (int fd = 3; fd < 100; fd++)
            close(fd);
    else if (name == "fork and go on")
        fork_and_go_on();
    else if (name == "close eventfds" || name == "reuse eventfds")
        take_eventfds(name == "reuse eventfds");
    else if (name == "spin")
        spin();
    else if (name == "sleep")
        wait(2000);
    else if (name == "nap")
        wait(20);
    else if (name == "swallow")
        swallow();
    else if (name == "stop in the store")
        stop_in_the_store();
    else if (name == "deadlock")
        deadlock();
    else if (name == "leak")
        leak();
    else if (name == "leak and sleep")
        leak(), wait(12);
    else if (name == "mask")
        block_signals();
    else if (name == "fork")
        fork_and_stay();
    else if (name == "thread")
        die_in_a_thread();
}

// What FAULTS_FILE says now; it is written anew while the runner runs.
std::string fault_of_the_file()
{
    const char *path = std::getenv("FAULTS_FILE");
    std::string text;

    if (path)
        std::getline(std::ifstream(path), text);
    return text;
}

int init(a6_env *env, void **)
{
    std::string text = fault_of_the_file();

    if (text == "init fails")
        return a6_env_error(env, "the file says so");
    if (text.rfind("init ", 0) == 0) {
        std::ofstream(std::string(std::getenv("FAULTS_FILE")) + ".met");
        commit(text.substr(5));
    }
    return 0;
}

void shut_down(void *)
{
    std::string text = fault_of_the_file();

    if (text.rfind("shutdown ", 0) == 0)
        commit(text.substr(9));
}

int parse(a6_env *, a6_str text, void **conf)
{
    fault *made = new fault{std::string(text.data ? text.data : "", text.len)};

    if (made->name == "slow parse")
        wait(10000);
    else if (made->name.rfind("parse ", 0) == 0)
        commit(made->name.substr(6));
    *conf = made;
    return 0;
}

void release(void *conf)
{
    fault *made = static_cast<fault *>(conf);

    if (made->name.rfind("free ", 0) == 0)
        commit(made->name.substr(5));
    delete made;
}

a6_result answer(a6_request *req, void *conf)
{
    commit(static_cast<fault *>(conf)->name);
    a6_answer(req, 200);
    a6_answer_write(req, A6_STR(FAULTS_VERSION));
    return A6_OK;
}

a6_plugin describe(const char *name)
{
    a6_plugin plugin = {};

    plugin.abi_major = A6_ABI_MAJOR;
    plugin.abi_minor = A6_ABI_MINOR;
    plugin.size = sizeof(plugin);
    plugin.name = name;
    plugin.parse_conf = parse;
    plugin.free_conf = release;
    plugin.request_filter = answer;
    if (std::string(name) == "faults") {
        plugin.init = init;
        plugin.shutdown = shut_down;
    }
    return plugin;
}

// With FAULTS_ALONE, a name, it is the only one in the file.
#ifdef FAULTS_ALONE
const a6_plugin faults = describe(FAULTS_ALONE);
#else
const a6_plugin faults = describe("faults");
const a6_plugin innocent = describe("innocent");
#endif

} // namespace

A6_REGISTER(faults)
#ifndef FAULTS_ALONE
A6_REGISTER(innocent)
#endif
