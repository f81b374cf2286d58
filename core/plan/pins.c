/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pins: "GLOB=STRATEGY". For each op the last pin whose glob matches it decides; the strategy "free" takes ops back.
 * A pin is an input of the solve: it forbids the other choices, nothing more. Where the mesh has no such strategy, the
 * pin is said not to be obeyed; among pipeline stages, which may take another mesh, it forbids this one.
 */
#include <math.h>
#include <string.h>

#include "plan/internal.h"

const char *sc_pin_state_name(enum sc_pin_state state)
{
    static const char *const names[] = {
        [SC_PIN_OBEYED] = "obeyed",
        [SC_PIN_NO_OP] = "matches no op",
        [SC_PIN_NO_STRATEGY] = "no such strategy",
        [SC_PIN_CONFLICT] = "in conflict",
        [SC_PIN_OVERRIDDEN] = "overridden by a later pin",
    };
    return names[state];
}

bool plan_pin_split(const char *pin, size_t *glob_length, const char **strategy)
{
    const char *equals = strrchr(pin, '='); /* names may hold one, strategies do not */
    if (!equals || equals == pin || !equals[1])
        return false;
    *glob_length = (size_t)(equals - pin);
    *strategy = equals + 1;
    return true;
}

/* The choices of an op's node that `text` names, ended by -1; NULL when there is none. */
static int *choices_named(struct sc_arena *arena, const struct sc_costs *costs, int op, const char *text, bool *failed)
{
    const struct sc_strategies *set = costs->nodes[costs->op_node[op]].set;
    int count = 0;
    int *found = sc_arena_calloc(arena, (size_t)set->count + 1, sizeof *found);
    if (!found) {
        *failed = true;
        return NULL;
    }
    for (int c = 0; c < set->count; c++)
        if (sc_strategy_matches(costs->graph, op, &set->at[c], text))
            found[count++] = c;
    found[count] = -1;
    return count ? found : NULL;
}

/* Ops of one class have the same strategies: the answer for one serves all. */
struct by_class {
    int **choices;
    bool *known;
};

static enum sc_status bind_pin(struct sc_arena *arena, const struct sc_costs *costs, struct plan_pins *pins, int index,
                               bool staged, struct by_class *cache, int **wanted)
{
    static int none[] = {-1};
    const struct sc_graph *graph = costs->graph;
    struct sc_pin_status *status = &pins->status[index];
    bool release = strcmp(status->strategy, "free") == 0, failed = false;
    int matched = 0;
    bool whole = index < pins->fixed; /* a name, not a glob */
    int first = whole ? sc_graph_find_op(graph, status->glob) : 0;
    int end = !whole ? graph->op_count : first < 0 ? 0 : first + 1;
    memset(cache->known, 0, (size_t)graph->class_count * sizeof *cache->known);
    for (int op = first < 0 ? 0 : first; op < end; op++) {
        if (!whole && !sc_glob_match(status->glob, graph->ops[op].name))
            continue;
        matched++;
        if (costs->op_node[op] < 0)
            continue; /* of another stage */
        if (whole && !sc_costs_owns(costs, op))
            continue; /* a copy for another stage: a plan's own strategy is of the first */
        int klass = graph->ops[op].klass;
        if (!release && !cache->known[klass]) {
            cache->choices[klass] = choices_named(arena, costs, op, status->strategy, &failed);
            cache->known[klass] = true;
        }
        if (failed)
            return SC_NO_MEMORY;
        if (!release && !cache->choices[klass]) {
            if (!status->example)
                status->example = graph->ops[op].name;
            if (staged && !whole) {
                pins->winner[op] = index;
                wanted[op] = none;
            }
            continue;
        }
        status->ops++;
        pins->winner[op] = release ? -1 : index;
        wanted[op] = release ? NULL : cache->choices[klass];
    }
    status->state = !matched ? SC_PIN_NO_OP : !status->ops ? SC_PIN_NO_STRATEGY : SC_PIN_OBEYED;
    return SC_OK;
}

static enum sc_status bind_method(struct sc_arena *arena, const struct sc_costs *costs, struct plan_pins *pins,
                                  const char *method, int **wanted, struct sc_error *err)
{
    struct sc_pin_status *status = &pins->status[0];
    status->glob = "*";
    status->strategy = sc_arena_printf(arena, "method %s", method);
    enum sc_status made = plan_method_choices(arena, costs, method, wanted, err);
    for (int op = 0; made == SC_OK && op < costs->graph->op_count; op++)
        if (wanted[op]) {
            pins->winner[op] = 0;
            status->ops++;
        }
    return made == SC_OK && !status->strategy ? sc_fail(err, SC_NO_MEMORY, "no memory for a method") : made;
}

/* A pin that decides no op any more is overridden, unless it released ops. */
static void find_overridden(const struct sc_graph *graph, struct plan_pins *pins, bool *decides)
{
    for (int op = 0; op < graph->op_count; op++)
        if (pins->winner[op] >= 0)
            decides[pins->winner[op]] = true;
    for (int i = 0; i < pins->count; i++) {
        struct sc_pin_status *status = &pins->status[i];
        pins->applied += decides[i];
        if (status->state == SC_PIN_OBEYED && !decides[i] && strcmp(status->strategy, "free") != 0)
            status->state = SC_PIN_OVERRIDDEN;
    }
}

enum sc_status plan_pins_bind(struct sc_arena *arena, const struct sc_costs *costs, const struct sc_texts *fixed,
                              const struct sc_settings *settings, struct plan_pins *out, struct sc_error *err)
{
    const struct sc_graph *graph = costs->graph;
    const struct sc_texts *list = &settings->pins;
    int method = settings->method && *settings->method; /* the first of the hidden pins */
    *out = (struct plan_pins){.method = method, .fixed = method + (fixed ? fixed->count : 0)};
    out->count = out->fixed + list->count;
    size_t classes = (size_t)graph->class_count + 1, ops = (size_t)graph->op_count + 1;
    struct by_class cache = {sc_arena_calloc(arena, classes, sizeof *cache.choices),
                             sc_arena_calloc(arena, classes, sizeof *cache.known)};
    int **wanted = sc_arena_calloc(arena, ops, sizeof *wanted);
    bool *decides = sc_arena_calloc(arena, (size_t)out->count + 1, sizeof *decides);
    out->status = sc_arena_calloc(arena, (size_t)out->count + 1, sizeof *out->status);
    out->winner = sc_arena_calloc(arena, ops, sizeof *out->winner);
    out->allowed = sc_arena_calloc(arena, (size_t)costs->node_count + 1, sizeof *out->allowed);
    if (!cache.choices || !cache.known || !wanted || !decides || !out->status || !out->winner || !out->allowed)
        return sc_fail(err, SC_NO_MEMORY, "no memory for %d pins", out->count);
    for (int op = 0; op < graph->op_count; op++)
        out->winner[op] = -1;
    if (method) {
        enum sc_status status = bind_method(arena, costs, out, settings->method, wanted, err);
        if (status != SC_OK)
            return status;
    }
    for (int i = method; i < out->count; i++) {
        const char *pin = i < out->fixed ? fixed->at[i - method] : list->at[i - out->fixed], *strategy;
        size_t length;
        if (!plan_pin_split(pin, &length, &strategy))
            return sc_fail(err, SC_USAGE,
                           "pin '%s' is not of the form GLOB=STRATEGY; for example 'layer.*.fc1=b@x f@y'", pin);
        out->status[i].glob = sc_arena_strndup(arena, pin, length);
        out->status[i].strategy = sc_arena_strdup(arena, strategy);
        if (!out->status[i].glob || !out->status[i].strategy ||
            bind_pin(arena, costs, out, i, settings->stages_max > 0, &cache, wanted) != SC_OK)
            return sc_fail(err, SC_NO_MEMORY, "no memory for %d pins", out->count);
    }
    find_overridden(graph, out, decides);
    for (int op = 0; op < graph->op_count; op++)
        if (out->winner[op] >= 0 && costs->op_node[op] >= 0)
            out->allowed[costs->op_node[op]] = wanted[op];
    return SC_OK;
}

enum sc_status plan_pins_apply(const struct sc_problem *base, const struct sc_costs *costs,
                               const struct plan_pins *pins, const bool *use, double limit, struct sc_problem **out,
                               struct sc_error *err)
{
    struct sc_arena *arena = sc_arena_new();
    int count = 0;
    int *nodes = arena ? sc_arena_calloc(arena, (size_t)costs->node_count + 1, sizeof *nodes) : NULL;
    const double **rows = arena ? sc_arena_calloc(arena, (size_t)costs->node_count + 1, sizeof *rows) : NULL;
    bool failed = !nodes || !rows;
    for (int n = 0; !failed && n < costs->node_count; n++) {
        const int *allowed = pins->allowed[n];
        if (!allowed || (use && !use[pins->winner[costs->nodes[n].op]]))
            continue;
        double *row = sc_arena_calloc(arena, (size_t)base->choices[n], sizeof *row);
        failed = !row;
        for (int c = 0; row && c < base->choices[n]; c++)
            row[c] = INFINITY;
        for (; row && *allowed >= 0; allowed++)
            row[*allowed] = base->cost[n][*allowed];
        nodes[count] = n;
        rows[count++] = row;
    }
    enum sc_status status = failed ? sc_fail(err, SC_NO_MEMORY, "no memory for the pins")
                                   : sc_problem_vary(base, count, nodes, rows, limit, out, err);
    sc_arena_free(arena);
    return status;
}
