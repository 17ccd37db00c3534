/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin say does, in C++: answers with its conf's body, or goes on. */
#include <memory>

#include <a6/json.h>
#include <a6/plugin.hpp>

namespace
{

struct json_deleter {
    void operator()(json_t *json) const
    {
        json_decref(json);
    }
};

class hello
{
  public:
    hello(a6::env &env, std::string_view conf)
    {
        std::unique_ptr<json_t, json_deleter> root(a6_json_load(env.raw(), a6::str(conf)));
        const char *text = "";
        size_t len = 0;

        /* The helpers have told the reason; what is thrown only ends the parsing. */
        if (!root || a6_json_only(env.raw(), root.get(), "body", nullptr) < 0 ||
            a6_json_get(env.raw(), root.get(), "body", "s%", &text, &len) < 0)
            throw a6::refused();
        body.assign(text, len);
    }

    void on_request(a6::request &req) const
    {
        if (!body.empty())
            req.answer(200).header("X-Resp-A6-Runner", "C++").write(body);
    }

  private:
    std::string body;
};

} // namespace

A6_PLUGIN(hello, "hello-cpp", "1.0.0", "say, written in C++", A6_NONBLOCKING)
