/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bare stage problems in JSON, and their solutions; the checker.
 */
#include <math.h>
#include <string.h>

#include "pipeline/pipeline.h"

enum { MAX_LAYERS = 4096, MAX_DEVICES = 1 << 16, MAX_SUBMESHES = 4096 };

static const char *const objective_names[] = {
#define X(id, name, help) name,
    SC_OBJECTIVE_MAP(X)
#undef X
};

const char *sc_objective_name(enum sc_objective objective)
{
    return objective_names[objective];
}

bool sc_objective_find(const char *name, enum sc_objective *out)
{
    for (int i = 0; i < SC_OBJECTIVE_COUNT; i++)
        if (strcmp(objective_names[i], name) == 0) {
            *out = (enum sc_objective)i;
            return true;
        }
    return false;
}

void sc_stage_problem_free(struct sc_stage_problem *problem)
{
    if (!problem)
        return;
    sc_free(problem->name);
    sc_free(problem->submeshes);
    sc_free(problem->options);
    sc_free(problem);
}

static enum sc_status read_submeshes(const struct sc_json_doc *doc, const struct sc_json *list,
                                     struct sc_stage_problem *problem, struct sc_error *err)
{
    size_t count = sc_json_count(list);
    int64_t devices;
    if (count == 0 || count > MAX_SUBMESHES)
        return sc_json_fail(doc, list, err, "%zu submeshes; expected 1 to %d", count, MAX_SUBMESHES);
    problem->submeshes = sc_calloc(count, sizeof *problem->submeshes);
    if (!problem->submeshes)
        return sc_fail(err, SC_NO_MEMORY, "no memory for %zu submeshes", count);
    for (const struct sc_json *item = sc_json_first(list); item; item = sc_json_next(item)) {
        if (!sc_json_is_int(item, &devices) || devices < 1 || devices > MAX_DEVICES)
            return sc_json_fail(doc, item, err, "a submesh is a number of devices from 1 to %d", MAX_DEVICES);
        problem->submeshes[problem->submesh_count++] = (int)devices;
    }
    return SC_OK;
}

/* [first, last, submesh, cost_s, max_successors] */
static enum sc_status read_option(const struct sc_json_doc *doc, const struct sc_json *item,
                                  const struct sc_stage_problem *problem, struct sc_stage_option *out,
                                  struct sc_error *err)
{
    const struct sc_json *field[5], *at = sc_json_first(item);
    int64_t first, last, submesh, successors;
    if (sc_json_type(item) != SC_JSON_ARRAY || sc_json_count(item) != 5)
        return sc_json_fail(doc, item, err, "a stage is [first, last, submesh, cost_s, max_successors]");
    for (int i = 0; i < 5; i++, at = sc_json_next(at))
        field[i] = at;
    if (!sc_json_is_int(field[0], &first) || first < 0 || first >= problem->layers)
        return sc_json_fail(doc, field[0], err, "the first layer is from 0 to %d", problem->layers - 1);
    if (!sc_json_is_int(field[1], &last) || last < first || last >= problem->layers)
        return sc_json_fail(doc, field[1], err, "the last layer is from %d to %d", (int)first, problem->layers - 1);
    if (!sc_json_is_int(field[2], &submesh) || submesh < 0 || submesh >= problem->submesh_count)
        return sc_json_fail(doc, field[2], err, "the submesh is an index from 0 to %d", problem->submesh_count - 1);
    double seconds = sc_json_number(field[3]);
    if (sc_json_type(field[3]) != SC_JSON_NUMBER || !(seconds >= 0))
        return sc_json_fail(doc, field[3], err, "the cost is a number of seconds, 0 or more");
    if (!sc_json_is_int(field[4], &successors) || successors < 0)
        return sc_json_fail(doc, field[4], err, "max_successors is a whole number, 0 or more");
    *out = (struct sc_stage_option){
        .first = (int)first,
        .last = (int)last,
        .submesh = (int)submesh,
        .max_successors = (int)(successors < problem->layers ? successors : problem->layers),
        .seconds = seconds,
    };
    return SC_OK;
}

static enum sc_status read_options(const struct sc_json_doc *doc, const struct sc_json *list,
                                   struct sc_stage_problem *problem, struct sc_error *err)
{
    size_t count = sc_json_count(list);
    enum sc_status status = SC_OK;
    problem->options = sc_calloc(count + 1, sizeof *problem->options);
    if (!problem->options)
        return sc_fail(err, SC_NO_MEMORY, "no memory for %zu stages", count);
    for (const struct sc_json *item = sc_json_first(list); status == SC_OK && item; item = sc_json_next(item))
        status = read_option(doc, item, problem, &problem->options[problem->option_count++], err);
    return status;
}

static enum sc_status read_body(const struct sc_json_doc *doc, const struct sc_json *body,
                                struct sc_stage_problem *problem, struct sc_error *err)
{
    static const char *const known[] = {"name",         "layers",    "devices", "submeshes",
                                        "microbatches", "objective", "stages",  NULL};
    const struct sc_json *submeshes = NULL, *stages = NULL;
    const char *name = "", *objective = "pipeline";
    int64_t layers = 0, devices = 0, microbatches = 1;
    enum sc_status status = sc_json_only(doc, body, known, err);
    if (status == SC_OK)
        status = sc_json_want_string(doc, body, "name", false, &name, err);
    if (status == SC_OK)
        status = sc_json_want_int(doc, body, "layers", true, 1, MAX_LAYERS, &layers, err);
    if (status == SC_OK)
        status = sc_json_want_int(doc, body, "devices", true, 1, MAX_DEVICES, &devices, err);
    if (status == SC_OK)
        status = sc_json_want_int(doc, body, "microbatches", false, 1, 1 << 30, &microbatches, err);
    if (status == SC_OK)
        status = sc_json_want_string(doc, body, "objective", false, &objective, err);
    if (status == SC_OK && !sc_objective_find(objective, &problem->objective))
        status = sc_json_fail(doc, sc_json_get(body, "objective"), err,
                              "\"objective\" is \"%s\"; expected pipeline, sum or throughput", objective);
    if (status == SC_OK)
        status = sc_json_want(doc, body, "submeshes", true, SC_JSON_ARRAY, &submeshes, err);
    if (status == SC_OK)
        status = sc_json_want(doc, body, "stages", true, SC_JSON_ARRAY, &stages, err);
    if (status != SC_OK)
        return status;
    problem->layers = (int)layers;
    problem->devices = (int)devices;
    problem->microbatches = (int)microbatches;
    problem->name = sc_alloc(strlen(name) + 1);
    if (!problem->name)
        return sc_fail(err, SC_NO_MEMORY, "no memory for a stage problem");
    strcpy(problem->name, name);
    status = read_submeshes(doc, submeshes, problem, err);
    return status == SC_OK ? read_options(doc, stages, problem, err) : status;
}

static enum sc_status read_doc(const struct sc_json_doc *doc, struct sc_stage_problem **out, struct sc_error *err)
{
    static const char *const known[] = {"stage_problem", NULL};
    const struct sc_json *root = sc_json_root(doc), *body;
    if (sc_json_type(root) != SC_JSON_OBJECT)
        return sc_json_fail(doc, root, err, "expected an object with \"stage_problem\"");
    enum sc_status status = sc_json_only(doc, root, known, err);
    if (status == SC_OK)
        status = sc_json_want(doc, root, "stage_problem", true, SC_JSON_OBJECT, &body, err);
    if (status != SC_OK)
        return status;
    struct sc_stage_problem *problem = sc_alloc(sizeof *problem);
    if (!problem)
        return sc_fail(err, SC_NO_MEMORY, "no memory for a stage problem");
    status = read_body(doc, body, problem, err);
    if (status == SC_OK)
        *out = problem;
    else
        sc_stage_problem_free(problem);
    return status;
}

enum sc_status sc_stage_problem_parse(const char *file, const char *text, size_t size, struct sc_stage_problem **out,
                                      struct sc_error *err)
{
    struct sc_json_doc *doc;
    enum sc_status status = sc_json_parse(file, text, size, &doc, err);
    if (status == SC_OK) {
        status = read_doc(doc, out, err);
        sc_json_doc_free(doc);
    }
    return status;
}

enum sc_status sc_stage_problem_load(const char *path, struct sc_stage_problem **out, struct sc_error *err)
{
    struct sc_json_doc *doc;
    enum sc_status status = sc_json_load(path, &doc, err);
    if (status == SC_OK) {
        status = read_doc(doc, out, err);
        sc_json_doc_free(doc);
    }
    return status;
}

/* Seconds of a stage on `count` devices from `first` on; +inf when hosts forbid them. */
static double seconds_at(const struct sc_stage_problem *problem, const struct sc_stage_option *stage, int first,
                         int count)
{
    int host = problem->host_devices, end = first + count;
    if (host <= 0)
        return stage->seconds + (stage->in_s[0] + stage->out_s[0]);
    bool one_host = first / host == (end - 1) / host, whole_hosts = first % host == 0 && end % host == 0;
    if (count < host ? !one_host : !whole_hosts)
        return INFINITY;
    return stage->seconds + stage->in_s[first % host == 0] + stage->out_s[end % host == 0];
}

double sc_stage_check(const struct sc_stage_problem *problem, int count, const int *stages)
{
    double sum = 0, longest = 0;
    int next = 0, devices = 0;
    for (int i = 0; i < count; i++) {
        const struct sc_stage_option *stage = &problem->options[stages[i]];
        int behind = count - 1 - i, own = problem->submeshes[stage->submesh];
        if (stage->first != next || stage->max_successors < behind || stage->min_successors > behind)
            return INFINITY;
        double seconds = seconds_at(problem, stage, devices, own);
        next = stage->last + 1;
        devices += own;
        sum += seconds;
        longest = fmax(longest, seconds);
    }
    if (count < problem->stages_min || (problem->stages_max > 0 && count > problem->stages_max))
        return INFINITY;
    if (next != problem->layers || devices != problem->devices)
        return INFINITY;
    switch (problem->objective) {
    case SC_OBJECTIVE_SUM:
        return sum;
    case SC_OBJECTIVE_THROUGHPUT:
        return longest;
    default:
        return sum + (problem->microbatches - 1) * longest;
    }
}

void sc_stage_write_json(const struct sc_stage_problem *problem, const struct sc_stage_solution *solution,
                         struct sc_str *out)
{
    static const char *const statuses[] = {"optimal", "infeasible", "timeout"};
    struct sc_json_writer w;
    sc_json_begin(&w, out);
    sc_json_open_object(&w, NULL, false);
    sc_json_put_string(&w, "name", problem->name);
    sc_json_put_string(&w, "status", statuses[solution->status]);
    sc_json_put_number(&w, "latency_s", solution->latency_s);
    sc_json_put_number(&w, "bound_s", solution->bound_s);
    sc_json_put_number(&w, "seconds", solution->seconds);
    sc_json_open_array(&w, "stages", false);
    for (int i = 0; i < solution->count; i++) {
        const struct sc_stage_option *stage = &problem->options[solution->stages[i]];
        sc_json_open_array(&w, NULL, true);
        sc_json_put_int(&w, NULL, stage->first);
        sc_json_put_int(&w, NULL, stage->last);
        sc_json_put_int(&w, NULL, stage->submesh);
        sc_json_close(&w);
    }
    sc_json_close(&w);
    sc_json_close(&w);
    sc_str_add(out, "\n");
}
