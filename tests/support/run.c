/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See run.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/run.h"

static void must(enum sc_status status, const struct sc_error *err)
{
    char text[1400];
    if (status == SC_OK)
        return;
    sc_error_format(err, text, sizeof text);
    fail_msg("%s", text);
}

static void read_sets(struct sc_model_options *options, const char *sets, struct sc_error *err)
{
    char word[128];
    int used;
    for (; sscanf(sets, " %127s%n", word, &used) == 1; sets += used) {
        char *equals = strchr(word, '=');
        int64_t value = 0;
        assert_non_null(equals);
        assert_true(sc_parse_int(equals + 1, &value));
        if (strncmp(word, "batch=", 6) == 0)
            options->batch = value;
        else if (strncmp(word, "microbatches=", 13) == 0)
            options->microbatches = value;
        else if (strncmp(word, "seq=", 4) == 0)
            options->sequence = value;
        else
            must(sc_model_options_set(options, word, err), err);
    }
}

void run_costs(struct run *run, const char *model, const char *sets, const char *cluster, const char *mesh,
               enum sc_formulas formulas, const struct sc_cost_options *options)
{
    struct sc_error err = {0};
    struct sc_model_options model_options = {.mode = options->mode};
    struct sc_axes axes;
    struct sc_mesh made;
    *run = (struct run){0};
    read_sets(&model_options, sets, &err);
    must(sc_import_model(model, &model_options, &run->graph, &err), &err);
    must(sc_import_cluster(cluster, TEST_SOURCE_DIR "/samples/clusters", &run->cluster, &err), &err);
    assert_true(sc_axes_parse(mesh, &axes));
    must(sc_mesh_make(run->cluster, run->cluster->hosts, run->cluster->devices_per_host, &axes, formulas, &made, &err),
         &err);
    must(sc_costs_new(run->graph, &made, options, NULL, &run->costs, &err), &err);
}

/* Rows of nodes of which some choices are not allowed. */
static void forbid(const struct run *run, run_allows allows, int *count, int *nodes, double **rows)
{
    for (int n = 0; n < run->costs->node_count; n++) {
        const struct sc_cost_node *node = &run->costs->nodes[n];
        double *row = sc_calloc((size_t)node->set->count, sizeof *row);
        int kept = 0;
        assert_non_null(row);
        for (int i = 0; i < node->set->count; i++) {
            bool allowed = allows(run, n, &node->set->at[i]);
            row[i] = allowed ? run->problem->cost[n][i] : INFINITY;
            kept += allowed;
        }
        assert_true(kept > 0);
        nodes[*count] = n;
        rows[(*count)++] = row;
    }
}

void run_solve(struct run *run, run_allows allows)
{
    struct sc_error err = {0};
    sc_solution_free(run->solution);
    sc_problem_free(run->problem);
    run->solution = NULL;
    must(sc_plan_problem(run->costs, &run->problem, &err), &err);
    if (allows != NULL) {
        size_t most = (size_t)run->costs->node_count;
        int *nodes = sc_calloc(most, sizeof *nodes), count = 0;
        double **rows = sc_calloc(most, sizeof *rows);
        struct sc_problem *varied = NULL;
        assert_true(nodes != NULL && rows != NULL);
        forbid(run, allows, &count, nodes, rows);
        must(sc_problem_vary(run->problem, count, nodes, (const double *const *)rows, run->problem->limit, &varied,
                             &err),
             &err);
        for (int i = 0; i < count; i++)
            sc_free(rows[i]);
        sc_free(rows);
        sc_free(nodes);
        sc_problem_free(run->problem);
        run->problem = varied;
    }
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    must(sc_solve(run->problem, &options, &run->solution, &err), &err);
    if (run->solution->status != SC_SOLVED_OPTIMAL)
        fail_msg("%s is %s", run->graph->name, sc_solve_status_name(run->solution->status));
}

void run_free(struct run *run)
{
    sc_solution_free(run->solution);
    sc_problem_free(run->problem);
    sc_costs_free(run->costs);
    sc_cluster_free(run->cluster);
    sc_graph_free(run->graph);
    *run = (struct run){0};
}

static void add_counts(const struct run *run, const struct sc_item *items, int count, double least, struct counts *c)
{
    for (int i = 0; i < count; i++) {
        c->seconds += items[i].seconds * (items[i].phase == SC_ONCE ? 1 : run->costs->options.microbatches);
        if (!items[i].collective || items[i].bytes < least)
            continue;
        c->of[items[i].phase][items[i].kind]++;
        c->total++;
    }
}

struct counts run_count(const struct run *run, double least)
{
    struct counts c = {0};
    struct sc_item items[SC_MAX_ITEMS];
    const int *choices = run->solution->choices;
    for (int n = 0; n < run->costs->node_count; n++)
        add_counts(run, items, sc_costs_node_items(run->costs, n, choices[n], items), least, &c);
    for (int e = 0; e < run->costs->edge_count; e++) {
        const struct sc_cost_edge *edge = &run->costs->edges[e];
        int count = sc_costs_edge_items(run->costs, e, choices[edge->from], choices[edge->to], items);
        add_counts(run, items, count, least, &c);
    }
    return c;
}

int run_choice(const struct run *run, int node, const char *strategy)
{
    const struct sc_cost_node *n = &run->costs->nodes[node];
    char text[128];
    for (int i = 0; i < n->set->count; i++) {
        if (n->op >= 0)
            sc_strategy_format(run->graph, n->op, &n->set->at[i], text, sizeof text);
        else
            sc_strategy_format_fanout(run->graph, n->tensor, &n->set->at[i], text, sizeof text);
        if (strcmp(text, strategy) == 0)
            return i;
    }
    fail_msg("node %d has no strategy \"%s\"", node, strategy);
    return -1;
}

static int op_of(const struct run *run, const char *name)
{
    int op = sc_graph_find_op(run->graph, name);
    if (op < 0)
        fail_msg("no op %s", name);
    return op;
}

const struct sc_strategy *run_strategy(const struct run *run, const char *name)
{
    int node = run->costs->op_node[op_of(run, name)];
    return &run->costs->nodes[node].set->at[run->solution->choices[node]];
}

const char *run_text(const struct run *run, const char *name)
{
    static char text[128];
    sc_strategy_format(run->graph, op_of(run, name), run_strategy(run, name), text, sizeof text);
    return text;
}

struct sc_memory run_memory(const struct run *run)
{
    struct sc_memory sum = {0};
    for (int n = 0; n < run->costs->node_count; n++) {
        struct sc_memory m = sc_costs_node_memory(run->costs, n, run->solution->choices[n]);
        sum.parameters += m.parameters;
        sum.gradients += m.gradients;
        sum.optimizer += m.optimizer;
        sum.activations += m.activations;
        sum.cache += m.cache;
        sum.working = fmax(sum.working, m.working);
    }
    return sum;
}

/* ---- items as text --------------------------------------------------------------------------------- */

static const char *items_text(const struct sc_item *items, int count)
{
    static char text[4096];
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        const struct sc_item *item = &items[i];
        if (!item->collective)
            continue;
        char axes[8] = "";
        for (int a = 0, n = 0; a < SC_MAX_AXES; a++)
            if ((item->axes >> a & 1) != 0)
                axes[n++] = sc_axis_name(a);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %s %s %s %.10g", used > 0 ? "; " : "",
                                 sc_phase_name(item->phase), sc_cause_name(item->cause), sc_collective_name(item->kind),
                                 axes, item->bytes);
        assert_true(used < sizeof text);
    }
    return text;
}

const char *run_node_items(const struct run *run, const char *op, const char *strategy)
{
    struct sc_item items[SC_MAX_ITEMS];
    int node = run->costs->op_node[op_of(run, op)];
    return items_text(items, sc_costs_node_items(run->costs, node, run_choice(run, node, strategy), items));
}

/* A node by the name of its op, or "*TENSOR" for the fan-out of a tensor. */
static int node_of(const struct run *run, const char *name)
{
    if (name[0] != '*')
        return run->costs->op_node[op_of(run, name)];
    for (int t = 0; t < run->graph->tensor_count; t++) {
        if (strcmp(run->graph->tensors[t].name, name + 1) == 0 && run->costs->fanout_node[t] >= 0)
            return run->costs->fanout_node[t];
    }
    fail_msg("no fan-out of %s", name + 1);
    return -1;
}

const char *run_edge_items(const struct run *run, const char *from, const char *from_strategy, const char *to,
                           const char *to_strategy)
{
    struct sc_item items[SC_MAX_ITEMS];
    int a = node_of(run, from), b = node_of(run, to);
    for (int e = 0; e < run->costs->edge_count; e++) {
        const struct sc_cost_edge *edge = &run->costs->edges[e];
        if (edge->from != a || edge->to != b)
            continue;
        int i = run_choice(run, a, from_strategy), j = run_choice(run, b, to_strategy);
        return items_text(items, sc_costs_edge_items(run->costs, e, i, j, items));
    }
    fail_msg("no edge from %s to %s", from, to);
    return "";
}
