/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dev_site.h"

#include "base/clock.h"
#include "cli/dev_log.h"
#include "cli/dev_tree.h"

int dev_site_check(void *user, json_t *tree, struct dev_error *error)
{
    struct dev_site *site = user;
    struct dev_model *model = NULL;
    int result = dev_model_read(tree, &model, error);

    if (result == 0)
        result = dev_gateway_check(&site->gateway, model, error);
    dev_model_free(model);
    json_decref(site->checked);
    site->checked = result == 0 ? json_incref(tree) : NULL;
    json_decref(tree);
    return result;
}

int dev_site_use(void *user, struct dev_error *error)
{
    struct dev_site *site = user;
    uint64_t start = clock_ms();
    int result = dev_gateway_use(&site->gateway, error);

    if (result < 0) {
        dev_calls_problem(&site->calls, "%s", error->text);
        return result;
    }
    json_decref(site->tree);
    site->tree = site->checked;
    site->checked = NULL;
    site->admin.tree = site->tree;
    dev_log(DEV_NOTE, "gateway", "new routes are served (%zu routes, after %u ms)",
            json_array_size(json_object_get(site->tree, "routes")), (unsigned)(clock_ms() - start));
    if (site->changed)
        site->changed(site->changed_user);
    return 0;
}

json_t *dev_site_first_tree(struct dev_site *site, struct dev_error *error)
{
    return site->routes_file ? dev_tree_file(site->routes_file, true, error)
                             : dev_store_tree(&site->store, NULL, NULL, NULL);
}

void dev_site_reload(struct dev_site *site)
{
    struct dev_error error;
    json_t *tree = dev_tree_file(site->routes_file, true, &error);

    if (!tree) {
        dev_calls_problem(&site->calls, "%s; the last good routes stay", error.text);
        return;
    }
    if (dev_site_check(site, tree, &error) < 0) {
        dev_calls_problem(&site->calls, "%s: %s; the last good routes stay", site->routes_file,
                          error.text);
        return;
    }
    (void)dev_site_use(site, &error);
}
