/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/site.h"

#include "base/clock.h"
#include "dev/console.h"
#include "dev/tree.h"

int site_check(void *user, json_t *tree, struct error *error)
{
    struct site *site = user;
    struct model *model = NULL;
    int result = model_read(tree, &model, error);

    if (result == 0)
        result = gateway_check(&site->gateway, model, error);
    model_free(model);
    json_decref(site->checked);
    site->checked = result == 0 ? json_incref(tree) : NULL;
    json_decref(tree);
    return result;
}

void site_take_checked(struct site *site)
{
    json_decref(site->tree);
    site->tree = site->checked;
    site->checked = NULL;
    site->admin.tree = site->tree;
}

int site_use(void *user, struct error *error)
{
    struct site *site = user;
    uint64_t start = clock_ms();
    int result = gateway_use(&site->gateway, error);

    if (result < 0) {
        calls_problem(&site->calls, "gateway", "%s", error->text);
        return result;
    }
    site_take_checked(site);
    console_line(CONSOLE_NOTE, "gateway", "new routes are served (%zu in all, after %u ms)",
                 json_array_size(json_object_get(site->tree, "routes")),
                 (unsigned)(clock_ms() - start));
    if (site->changed)
        site->changed(site->changed_user);
    return 0;
}

json_t *site_first_tree(struct site *site, struct error *error)
{
    return site->routes_file ? tree_file(site->routes_file, true, error)
                             : admin_store_tree(&site->store, NULL, NULL, NULL);
}

void site_reload(struct site *site)
{
    struct error error;
    json_t *tree = tree_file(site->routes_file, true, &error);

    if (!tree) {
        calls_problem(&site->calls, "gateway", "%s; the last good routes stay", error.text);
        return;
    }
    if (site_check(site, tree, &error) < 0) {
        calls_problem(&site->calls, "gateway", "%s: %s; the last good routes stay",
                      site->routes_file, error.text);
        return;
    }
    (void)site_use(site, &error);
}
