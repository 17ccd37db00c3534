/* SPDX-License-Identifier: Apache-2.0 */
/* Uses every function of <a6/plugin.hpp>; prints "all is well". */
#undef NDEBUG
#include <cassert>
#include <thread>

#include <a6/plugin.hpp>
#include <a6/test.h>

namespace
{

int confs;

/* ---- the request phase ---- */

class request_user
{
  public:
    request_user(a6::env &env, std::string_view conf) : text(conf), calls(env.open_cell("calls"))
    {
        if (conf == "throw")
            throw std::runtime_error("thrown by the constructor");
        if (conf == "number")
            throw 42;
        if (conf == "memory")
            throw std::bad_alloc();
        if (conf == "errno")
            a6::check(-ENOMEM, "a table");
        env.log(A6_LOG_INFO, "parsing 100%s");
        env.need_var("tenant");
        env.need(A6_NEED_REQUEST_BODY);
        confs++;
    }
    request_user(const request_user &) = delete;
    request_user &operator=(const request_user &) = delete;
    ~request_user()
    {
        confs--;
    }

    a6_result on_request(a6::request &req) const
    {
        look(req);
        count();
        change(req);
        if (text == "fail")
            req.set_header("bad", "a\r\nb");
        if (text == "throw-number")
            throw 42;
        if (text == "answer") {
            req.answer(201).header("x-a", "b").write("one ").write("two");
            return A6_OK;
        }
        if (text == "delay")
            return req.delay(30);
        if (text == "suspend" || text == "forget")
            return hand_over(req, text == "suspend");
        return A6_OK;
    }

  private:
    void look(a6::request &req) const
    {
        assert(req.id() == 0 && req.time_left() > 0);
        assert(req.method() == A6_POST && req.path() == "/p");
        assert(req.source().size() == 4 && req.source_text() == "127.0.0.1");
        assert(req.arg_count() == 3 && req.arg_at(0).name == "a" && req.arg_at(0).value == "1");
        assert(!req.arg_at(1).value && req.has_arg("b") && !req.arg("b"));
        assert(req.arg("c") == "" && !req.has_arg("d"));
        assert(req.header_count() >= 2 && req.header_at(0).name == "x-h");
        assert(req.header("X-H") == "v" && !req.header("none"));
        assert(req.var("tenant") == "acme" && !req.var("nothing"));
        assert(req.request_body() == "body");
        try {
            (void)req.arg_at(3);
            assert(false);
        } catch (const a6::error &error) {
            assert(error.code() == -ENOENT);
        }
        req.log(A6_LOG_INFO, "looked 100%s");
    }

    void count() const
    {
        std::int64_t before = calls.get(0);

        assert(calls.add(0, 2) == before + 2);
        assert(!calls.swap(0, before, 0) && calls.swap(0, before + 2, before + 1));
        assert(a6::cell(calls).get(5) == 0);
    }

    void change(a6::request &req) const
    {
        auto *kept = static_cast<int *>(req.alloc(sizeof(int)));

        req.set("kept", kept);
        assert(req.get("kept") == kept && !req.get("else"));
        req.set_path("/q");
        req.set_arg("a", "2");
        req.add_arg("a", "3");
        req.delete_arg("b");
        req.set_header("x-set", "1");
        req.add_header("x-set", "2");
        req.delete_header("x-h");
        req.set_body("new");
        req.add_response_header("x-r", "s");
        assert(req.raw() != nullptr);
    }

    static a6_result hand_over(a6::request &req, bool resume)
    {
        a6::pending first = req.suspend();
        a6::pending right = std::move(first);

        std::thread([right = std::move(right), resume]() mutable {
            if (resume)
                assert(right.resume(A6_OK));
            /* else: destroyed, which fails the call */
        }).detach();
        return A6_PENDING;
    }

    std::string text;
    a6::cell calls;
};

/* ---- with an init, a state and a deadline ---- */

int state_of_plugin;

class stateful
{
  public:
    stateful(a6::env &env, std::string_view)
    {
        assert(env.state() == &state_of_plugin);
    }
    void on_request(a6::request &req) const
    {
        assert(req.state() == &state_of_plugin && req.time_left() <= 500);
        ++*static_cast<int *>(req.state());
    }
};

int start(a6_env *, void **state)
{
    *state = &state_of_plugin;
    return 0;
}

a6_plugin make_stateful()
{
    a6_plugin plugin = a6::describe<stateful>("stateful", "1.0.0", "has a state");

    plugin.init = start;
    plugin.deadline_ms = 500;
    return plugin;
}

const a6_plugin stateful_plugin = make_stateful();
A6_REGISTER(stateful_plugin)

/* ---- the response phase ---- */

class response_user
{
  public:
    response_user(a6::env &env, std::string_view)
    {
        assert(env.raw() != nullptr);
    }
    void on_response(a6::response &res) const
    {
        assert(res.status() == 200 && res.header_count() == 2 && res.header("x-h") == "v");
        assert(res.header_at(0).name == "X-H" && res.body() == "body" && res.raw() != nullptr);
        res.set_status(404);
        res.set_header("x-set", "1");
        res.add_header("x-set", "2");
        res.delete_header("x-h");
        res.set_body("new");
    }
};

} // namespace

A6_PLUGIN(request_user, "requests", "1.0.0", "uses requests")
A6_PLUGIN(response_user, "responses", "1.0.0", "uses responses", A6_NONBLOCKING)

static a6_test *run(const char *conf, a6_test_result expected)
{
    a6_test *test = a6_test_request("POST /p?a=1&b&c=");
    a6_test_result result;

    a6_test_header(test, "X-H", "v");
    a6_test_var(test, "tenant", "acme");
    a6_test_body(test, A6_STR("body"));
    a6_test_use(test, "requests", conf);
    result = a6_test_run(test);
    if (result != expected)
        std::fprintf(stderr, "%s: %d and not %d\n%s", conf, result, expected, a6_test_log(test));
    assert(result == expected);
    return test;
}

static void logged(const char *conf, a6_test_result expected, const char *text)
{
    a6_test *test = run(conf, expected);

    assert(a6_test_logged(test, text));
    a6_test_free(test);
}

int main()
{
    a6_test *test = run("go", A6_TEST_CHANGED);

    assert(a6_test_is(a6_test_body_sent(test), "new"));
    assert(a6_test_is(a6_test_header_sent(test, "x-set", 0), "1, 2"));
    assert(a6_test_is(a6_test_header_seen(test, "x-r", 0), "s"));
    assert(a6_test_logged(test, "looked 100%s"));
    assert(confs == 1);
    a6_test_free(test);
    assert(confs == 0);

    test = run("answer", A6_TEST_ANSWERED);
    assert(a6_test_status(test) == 201 && a6_test_is(a6_test_body_seen(test), "one two"));
    a6_test_free(test);
    test = run("delay", A6_TEST_CHANGED);
    assert(a6_test_delayed(test) == 30);
    a6_test_free(test);
    a6_test_free(run("suspend", A6_TEST_CHANGED));
    a6_test_free(run("forget", A6_TEST_FAILED));

    logged("fail", A6_TEST_FAILED, "set_header: Invalid argument");
    logged("throw-number", A6_TEST_FAILED, "no std::exception");
    logged("throw", A6_TEST_REFUSED, "thrown by the constructor");
    logged("number", A6_TEST_REFUSED, "no std::exception");
    logged("memory", A6_TEST_REFUSED, "could not parse conf test#1: Cannot allocate memory");
    logged("errno", A6_TEST_REFUSED, "could not parse conf test#1: a table: Cannot allocate");
    assert(confs == 0);

    test = a6_test_request("GET /");
    a6_test_use(test, "stateful", nullptr);
    assert(a6_test_run(test) == A6_TEST_UNCHANGED && state_of_plugin == 1);
    a6_test_free(test);

    test = a6_test_response("200");
    a6_test_header(test, "X-H", "v");
    a6_test_header(test, "X-I", "w");
    a6_test_body(test, A6_STR("body"));
    a6_test_use(test, "responses", nullptr);
    assert(a6_test_run(test) == A6_TEST_CHANGED);
    assert(a6_test_status(test) == 404 && a6_test_is(a6_test_body_seen(test), "new"));
    assert(a6_test_is(a6_test_header_seen(test, "x-set", 1), "2"));
    a6_test_free(test);

    std::puts("all is well");
    return 0;
}
