/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A plan file is what `solve --json` prints. Read back: the settings it was made under, the mesh it chose, and the
 * strategy of every op.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plan/internal.h"

struct sc_plan_file {
    struct sc_settings settings;
    struct sc_texts strategies; /* "OP=STRATEGY" */
    double objective_s;
};

void sc_plan_file_free(struct sc_plan_file *file)
{
    if (!file)
        return;
    sc_settings_free(&file->settings);
    plan_texts_free(&file->strategies);
    sc_free(file);
}

const struct sc_settings *sc_plan_file_settings(const struct sc_plan_file *file)
{
    return &file->settings;
}

double sc_plan_file_objective(const struct sc_plan_file *file)
{
    return file->objective_s;
}

/* Sizes as "2x4". */
static enum sc_status read_shape(const struct sc_json_doc *doc, const struct sc_json *stage, char *text, size_t room,
                                 int64_t *product, struct sc_error *err)
{
    const struct sc_json *mesh;
    int64_t size;
    enum sc_status status = sc_json_want(doc, stage, "logical_mesh", true, SC_JSON_ARRAY, &mesh, err);
    *text = '\0';
    *product = 1;
    for (const struct sc_json *axis = status == SC_OK ? sc_json_first(mesh) : NULL; axis; axis = sc_json_next(axis)) {
        size_t used = strlen(text);
        if (!sc_json_is_int(axis, &size) || size < 1 || size > 1 << 20 || used + 24 > room)
            return sc_json_fail(doc, axis, err, "an axis size is a whole number from 1 on");
        snprintf(text + used, room - used, "%s%lld", used ? "x" : "", (long long)size);
        *product *= size;
        if (*product > 1 << 20)
            return sc_json_fail(doc, axis, err, "more devices than this program accepts (2^20)");
    }
    return status;
}

static enum sc_status set(const struct sc_json_doc *doc, const struct sc_json *at, struct sc_settings *settings,
                          const char *name, const char *value, struct sc_error *err)
{
    struct sc_error why = {0};
    return sc_settings_set(settings, name, value, &why) == SC_OK ? SC_OK
                                                                 : sc_json_fail(doc, at, err, "%s", why.message);
}

/* A stage of several: where it begins, its submesh and logical mesh become constraints. */
static enum sc_status read_stage(const struct sc_json_doc *doc, const struct sc_json *stage, int index,
                                 struct sc_settings *settings, struct sc_error *err)
{
    int64_t first = 0, hosts = 1, devices = 1, product;
    char shape[64], text[160];
    enum sc_status status = sc_json_type(stage) == SC_JSON_OBJECT
                                ? read_shape(doc, stage, shape, sizeof shape, &product, err)
                                : sc_json_fail(doc, stage, err, "a stage is an object");
    if (status == SC_OK)
        status = sc_json_want_int(doc, stage, "first_layer", true, 0, SC_MAX_OPS, &first, err);
    if (status == SC_OK)
        status = sc_json_want_int(doc, stage, "hosts", true, 1, 1 << 20, &hosts, err);
    if (status == SC_OK)
        status = sc_json_want_int(doc, stage, "devices", true, 1, 1 << 20, &devices, err);
    snprintf(text, sizeof text, "%lld", (long long)first);
    if (status == SC_OK && index > 0)
        status = set(doc, stage, settings, "cut", text, err);
    snprintf(text, sizeof text, "%d=%lldx%lld:%s", index, (long long)hosts, (long long)devices, shape);
    return status == SC_OK ? set(doc, stage, settings, "stage-mesh", text, err) : status;
}

/* The meshes and cuts that were chosen, so that pricing needs no search over them. */
static enum sc_status read_stages(const struct sc_json_doc *doc, struct sc_settings *settings, struct sc_error *err)
{
    const struct sc_json *stages;
    char text[64], devices[32];
    int64_t product;
    int index = 0;
    enum sc_status status = sc_json_want(doc, sc_json_root(doc), "stages", true, SC_JSON_ARRAY, &stages, err);
    if (status != SC_OK)
        return status;
    size_t count = sc_json_count(stages);
    if (count == 0 || count > SC_MAX_OPS || sc_json_type(sc_json_first(stages)) != SC_JSON_OBJECT)
        return sc_json_fail(doc, stages, err, "expected stages, found %zu", count);
    if (count == 1 && settings->stages_max == 0) {
        status = read_shape(doc, sc_json_first(stages), text, sizeof text, &product, err);
        snprintf(devices, sizeof devices, "%lld", (long long)product);
        if (status == SC_OK)
            status = set(doc, stages, settings, "mesh", text, err);
        return status == SC_OK ? set(doc, stages, settings, "devices", devices, err) : status;
    }
    plan_texts_free(&settings->cuts);
    plan_texts_free(&settings->no_cuts);
    plan_texts_free(&settings->stage_meshes);
    settings->stages_min = settings->stages_max = (int64_t)count;
    for (const struct sc_json *s = sc_json_first(stages); s && status == SC_OK; s = sc_json_next(s))
        status = read_stage(doc, s, index++, settings, err);
    return status;
}

static enum sc_status read_ops(const struct sc_json_doc *doc, struct sc_texts *strategies, struct sc_error *err)
{
    const struct sc_json *ops;
    enum sc_status status = sc_json_want(doc, sc_json_root(doc), "ops", true, SC_JSON_ARRAY, &ops, err);
    for (const struct sc_json *op = status == SC_OK ? sc_json_first(ops) : NULL; op; op = sc_json_next(op)) {
        const char *name, *strategy;
        if (sc_json_type(op) != SC_JSON_OBJECT)
            return sc_json_fail(doc, op, err, "an op is an object, not %s", sc_json_type_name(sc_json_type(op)));
        status = sc_json_want_string(doc, op, "name", true, &name, err);
        if (status == SC_OK)
            status = sc_json_want_string(doc, op, "strategy", true, &strategy, err);
        if (status != SC_OK)
            return status;
        struct sc_str text = {0};
        sc_str_addf(&text, "%s=%s", name, strategy);
        bool added = !text.failed && plan_texts_add(strategies, sc_str_text(&text));
        sc_str_free(&text);
        if (!added)
            return sc_fail(err, SC_NO_MEMORY, "no memory for a plan of %zu ops", sc_json_count(ops));
    }
    return status;
}

enum sc_status sc_plan_file_load(const char *path, struct sc_plan_file **out, struct sc_error *err)
{
    struct sc_json_doc *doc;
    enum sc_status status = sc_json_load(path, &doc, err);
    if (status != SC_OK)
        return status;
    struct sc_plan_file *file = sc_alloc(sizeof *file);
    if (!file) {
        status = sc_fail(err, SC_NO_MEMORY, "no memory for a plan");
    } else {
        sc_settings_init(&file->settings);
        status = sc_json_version(doc, err);
    }
    if (status == SC_OK && sc_json_count(sc_json_get(sc_json_root(doc), "ops")) == 0)
        status = sc_json_fail(doc, sc_json_root(doc), err,
                              "not a plan with ops; expected what `solve --json` or `--out` wrote");
    if (status == SC_OK)
        status = plan_settings_read(doc, sc_json_root(doc), &file->settings, err);
    if (status == SC_OK)
        status = read_stages(doc, &file->settings, err);
    if (status == SC_OK) {
        const struct sc_json *objective = sc_json_get(sc_json_root(doc), "objective_s");
        file->objective_s = objective && sc_json_type(objective) == SC_JSON_NUMBER ? sc_json_number(objective) : NAN;
    }
    if (status == SC_OK)
        status = read_ops(doc, &file->strategies, err);
    sc_json_doc_free(doc);
    if (status == SC_OK)
        *out = file;
    else
        sc_plan_file_free(file);
    return status;
}

enum sc_status sc_plan_file_price(struct sc_planner *planner, const struct sc_plan_file *file,
                                  const struct sc_settings *settings, struct sc_plan **out, struct sc_error *err)
{
    struct sc_graph *graph;
    struct sc_cluster *cluster;
    enum sc_status status = sc_planner_load(planner, settings, &graph, &cluster, err);
    if (status != SC_OK)
        return status;
    for (int i = 0; status == SC_OK && i < file->strategies.count; i++) {
        const char *text = file->strategies.at[i], *strategy;
        size_t length;
        char name[512];
        if (!plan_pin_split(text, &length, &strategy) || length >= sizeof name)
            continue;
        memcpy(name, text, length);
        name[length] = '\0';
        if (sc_graph_find_op(graph, name) < 0)
            status =
                sc_fail(err, SC_INPUT, "the plan names op '%s', which model %s does not have; is it another model?",
                        name, graph->name);
    }
    sc_graph_free(graph);
    sc_cluster_free(cluster);
    struct sc_plan_request request = {.settings = settings, .fixed = &file->strategies};
    if (status == SC_OK)
        status = sc_planner_make(planner, &request, out, err);
    if (status == SC_OK)
        (*out)->given = true;
    return status;
}
