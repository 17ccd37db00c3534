/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dev/tree.h"
#include "dev/yaml_write.h"

static struct error error;

static json_t *yaml(const char *text)
{
    memset(&error, 0, sizeof(error));
    return tree_yaml(text, strlen(text), &error);
}

/* The YAML means what the JSON says. */
static void means(const char *text, const char *json)
{
    json_t *value = yaml(text), *wanted = json_loads(json, JSON_DECODE_ANY, NULL);

    assert_non_null(wanted);
    if (!value)
        fail_msg("%s: %s", text, error.text);
    assert_true(json_equal(value, wanted));
    json_decref(value);
    json_decref(wanted);
}

static void is_refused(const char *text, const char *why)
{
    json_t *value = yaml(text);

    assert_null(value);
    if (!strstr(error.text, why))
        fail_msg("%s: '%s' is not about '%s'", text, error.text, why);
}

static void reads_scalars(void **state)
{
    (void)state;
    means("[1, -2, +3, 0, 1.5, 2e3, 007]", "[1, -2, 3, 0, 1.5, 2000.0, 7]");
    means("[true, False, null, ~, '', \"1\", 'true']",
          "[true, false, null, null, \"\", \"1\", \"true\"]");
    means("[yes, 0x10, 1.2.3.4, '-', .inf, 1_0, 99999999999999999999999]",
          "[\"yes\", \"0x10\", \"1.2.3.4\", \"-\", \".inf\", \"1_0\", 1e23]");
    means("a: |\n  x\n  y\n", "{\"a\": \"x\\ny\\n\"}");
    means("", "{}");
    means("# nothing\n", "{}");
    means("{\"uri\": \"/\\u00fc\", \"n\": {\"127.0.0.1:80\": 1}}",
          "{\"uri\": \"/\\u00fc\", \"n\": {\"127.0.0.1:80\": 1}}");
}

static void follows_aliases(void **state)
{
    (void)state;
    means("a: &x {b: [1]}\nc: *x\n", "{\"a\": {\"b\": [1]}, \"c\": {\"b\": [1]}}");
}

/* A few hundred bytes that would be ten to the ninth values. */
static void is_not_blown_up(void **state)
{
    char text[2048] = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    char deep[400];

    (void)state;
    for (int i = 1; i < 10; i++) {
        size_t len = strlen(text);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s*a%d", j ? "," : "", i - 1);
        snprintf(text + len, sizeof(text) - len, "]\n");
    }
    is_refused(text, "too large");
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    deep[200] = '\0';
    is_refused(deep, "too deeply nested");
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    is_refused("a: [1\nb: 2\n", "line 2: not YAML");
    is_refused("a: 1\nb: 1\na: 2\n", "a key is there twice");
    is_refused("? [a]\n: 1\n", "a key must be a plain word");
    is_refused("a: \"\\xff\"\n\x80", "not YAML");
}

static void reads_files(void **state)
{
    static const char *const texts[][3] = {
        {"r.yaml", "routes: []\n#END\n", NULL},
        {"r.yaml", "routes: []\n#END  \n\n", NULL},
        {"r.yaml", "#END", NULL},
        {"r.yaml", "routes: []\n", "#END"},
        {"r.yaml", "routes: [] #END\n", "#END"},
        {"r.yaml", "", "#END"},
        {"r.json", "{\"routes\": []}", NULL},
        {"r.json", "{\"routes\": ]}", "not JSON"},
        {"r.json", "{\"a\": 1, \"a\": 2}", "line 1"},
    };
    char folder[] = "/tmp/dev_tree_XXXXXX", path[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        FILE *file;
        json_t *value;

        snprintf(path, sizeof(path), "%s/%s", folder, texts[i][0]);
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(texts[i][1], file);
        fclose(file);
        memset(&error, 0, sizeof(error));
        value = tree_file(path, true, &error);
        if (!texts[i][2] != (value != NULL))
            fail_msg("%s: %s", texts[i][1], error.text);
        if (texts[i][2]) {
            assert_non_null(strstr(error.text, texts[i][2]));
            assert_memory_equal(error.text, path, strlen(path));
        }
        json_decref(value);
        unlink(path);
    }
    rmdir(folder);
    assert_null(tree_file("/nonexistent/r.yaml", true, &error));
    assert_string_equal(error.text, "/nonexistent/r.yaml: cannot be read: No such file or "
                                    "directory; correct its name, or its permissions");
}

/* What is written is read again as the same. */
static void writes_what_it_reads(void **state)
{
    static const char json[] =
        "[{\"id\": \"1\", \"on\": [], \"Up\": {}, \"a b\": [[1, [2.5]], {\"x\": null}], "
        "\"text\": \": - #\\n\\t\\\"'\", \"n\": {\"127.0.0.1:80\": 1, \"no\": true}}, 5, \"\"]";
    json_t *list = json_loads(json, 0, NULL), *again;
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);

    (void)state;
    fprintf(file, "list:\n");
    yaml_write_list(file, list);
    fclose(file);
    again = yaml(text);
    if (!again || !json_equal(json_object_get(again, "list"), list))
        fail_msg("%s\n%s", text, error.text);
    json_decref(list);
    json_decref(again);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_scalars),   cmocka_unit_test(follows_aliases),
        cmocka_unit_test(is_not_blown_up), cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(reads_files),     cmocka_unit_test(writes_what_it_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
