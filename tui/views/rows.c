/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rows of the graph view. Copies of a repeated block that are next to each other and planned alike are one run: folded
 * to a line, opened as one copy that stands for all. Runs split where strategies or pins differ, or when unrolled.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ui/app.h"

static bool same_copy(const struct tui_app *app, const struct sc_repeat *repeat, int a, int b)
{
    const struct sc_plan *plan = app->plan;
    if (!plan || !plan->choice || plan->graph != app->graph)
        return true;
    for (int k = 0; k < repeat->length; k++) {
        int p = repeat->first + a * repeat->length + k, q = repeat->first + b * repeat->length + k;
        if (!sc_plan_same_strategy(plan, p, q) || plan->pinned[p] != plan->pinned[q])
            return false;
    }
    return true;
}

static bool is_source(const struct tui_app *app, int op)
{
    return app->graph->ops[op].operand_count == 0;
}

static bool passes_filter(const struct tui_app *app, int op)
{
    return !app->filter[0] || strcasestr(app->graph->ops[op].name, app->filter) ||
           strcasestr(app->graph->ops[op].kind->name, app->filter);
}

struct builder {
    struct tui_app *app;
    SC_VEC(struct tui_row) rows;
    int stage; /* of the rows so far */
};

/* A row of ops; above it a line for each stage that has begun since the row before. Parameters and inputs stand with
 * their readers in other stages' layers, so they begin none. */
static void push(struct builder *b, struct tui_row row)
{
    const struct sc_plan *plan = tui_staged_plan(b->app);
    int op = row.op;
    while (row.fold && is_source(b->app, op) && op < row.op + row.length - 1)
        op++;
    int stage = plan && !is_source(b->app, op) ? sc_plan_stage_of_op(plan, op) : 0;
    while (b->stage < stage)
        sc_vec_push(&b->rows,
                    ((struct tui_row){.op = row.op, .copies = 1, .length = 1, .repeat = -1, .cut = ++b->stage}));
    sc_vec_push(&b->rows, row);
}

static void add_op(struct builder *b, struct tui_row row)
{
    if ((b->app->show_parameters || !is_source(b->app, row.op)) && passes_filter(b->app, row.op))
        push(b, row);
}

static void add_run(struct builder *b, int repeat_index, int copy, int copies)
{
    struct tui_app *app = b->app;
    const struct sc_repeat *repeat = &app->graph->repeats[repeat_index];
    int first = repeat->first + copy * repeat->length;
    int64_t open = 0;
    sc_map_get_text(&app->open, app->graph->ops[first].name, &open);
    struct tui_row row = {first, copies, repeat->length, repeat_index, 0, true, open != 0, 0};
    if (app->filter[0]) { /* a filter looks inside */
        for (int k = 0; k < repeat->length; k++)
            add_op(b, (struct tui_row){first + k, copies, repeat->length, repeat_index, 0, false, false, 0});
        return;
    }
    push(b, row);
    for (int k = 0; open && k < repeat->length; k++)
        add_op(b, (struct tui_row){first + k, copies, repeat->length, repeat_index, 1, false, false, 0});
}

static void add_repeat(struct builder *b, int index)
{
    const struct sc_repeat *repeat = &b->app->graph->repeats[index];
    int64_t unrolled = 0;
    sc_map_get_text(&b->app->unrolled, repeat->name, &unrolled);
    for (int copy = 0; copy < repeat->count;) {
        int same = 1;
        while (!unrolled && copy + same < repeat->count && same_copy(b->app, repeat, copy, copy + same))
            same++;
        add_run(b, index, copy, same);
        copy += same;
    }
}

/* The cursor goes to the cut that it follows, or stays with its op, fold or cut. */
static void place_cursor(struct tui_app *app, const struct tui_row *was)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    int found = -1;
    if (was)
        tui_rows_select_op(app, was->op);
    for (int i = 0; i < app->rows.count && found < 0; i++) {
        const struct tui_row *row = &app->rows.at[i];
        if (row->cut && app->followed && plan->stages[row->cut].first_layer == app->followed)
            found = i;
    }
    for (int i = 0; was && i < app->rows.count && found < 0; i++) {
        const struct tui_row *row = &app->rows.at[i];
        if (row->op == was->op && row->fold == was->fold && !row->cut == !was->cut)
            found = i;
    }
    if (found >= 0)
        app->list.cursor = found;
    tui_list_move(&app->list, 0);
}

void tui_rows_build(struct tui_app *app)
{
    struct builder b = {.app = app};
    int repeat = 0;
    const struct sc_graph *graph = app->graph;
    for (int op = 0; graph && op < graph->op_count;) {
        while (repeat < graph->repeat_count && graph->repeats[repeat].first < op)
            repeat++;
        if (repeat < graph->repeat_count && graph->repeats[repeat].first == op) {
            add_repeat(&b, repeat);
            op += graph->repeats[repeat].length * graph->repeats[repeat].count;
        } else {
            add_op(&b, (struct tui_row){op, 1, 1, -1, 0, false, false, 0});
            op++;
        }
    }
    const struct tui_row *at = tui_row_at(app, app->list.cursor);
    struct tui_row was = at ? *at : (struct tui_row){0};
    sc_free(app->rows.at);
    app->rows = (struct tui_rows){b.rows.data, (int)b.rows.count};
    app->list.count = app->rows.count;
    app->rows_stale = false;
    tui_gutter_build(app);
    place_cursor(app, at && graph && was.op < graph->op_count ? &was : NULL);
}

const struct tui_row *tui_row_at(const struct tui_app *app, int index)
{
    return index >= 0 && index < app->rows.count ? &app->rows.at[index] : NULL;
}

int tui_current_op(const struct tui_app *app)
{
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    return row && !row->cut && app->graph && row->op < app->graph->op_count ? row->op : -1;
}

/* Does the row stand for the op, among its copies? */
static bool stands_for(const struct tui_row *row, int op)
{
    int behind = op - row->op;
    if (row->cut)
        return false;
    if (row->fold)
        return behind >= 0 && behind < row->copies * row->length;
    return behind >= 0 && behind % row->length == 0 && behind / row->length < row->copies;
}

void tui_rows_select_op(struct tui_app *app, int op)
{
    int best = -1;
    for (int i = 0; i < app->rows.count; i++)
        if (stands_for(&app->rows.at[i], op) && (best < 0 || !app->rows.at[i].fold))
            best = i;
    if (best >= 0)
        app->list.cursor = best;
}

void tui_row_name(const struct tui_app *app, const struct tui_row *row, char *out, size_t size)
{
    const char *name = app->graph->ops[row->op].name;
    if (row->cut) {
        const struct sc_plan *plan = tui_staged_plan(app);
        snprintf(out, size, "cut at %s", plan ? app->graph->layers[plan->stages[row->cut].first_layer].name : "?");
        return;
    }
    if (row->repeat < 0) {
        snprintf(out, size, "%s", name);
        return;
    }
    const struct sc_repeat *repeat = &app->graph->repeats[row->repeat];
    int copy = (row->op - repeat->first) / repeat->length;
    if (row->fold) {
        if (row->copies == repeat->count)
            snprintf(out, size, "%s \xc3\x97%d", repeat->name, row->copies);
        else if (row->copies == 1)
            snprintf(out, size, "%s %d of %d", repeat->name, copy + 1, repeat->count);
        else
            snprintf(out, size, "%s %d\xe2\x80\xa6%d of %d", repeat->name, copy + 1, copy + row->copies, repeat->count);
        return;
    }
    size_t prefix = strlen(repeat->name);
    const char *tail = name;
    if (strncmp(name, repeat->name, prefix) == 0 && name[prefix] == '.') {
        tail = name + prefix + 1;
        tail += strspn(tail, "0123456789");
        tail += *tail == '.';
    }
    snprintf(out, size, "%s", row->depth ? tail : name);
}

static void add_cost(struct sc_op_cost *sum, const struct sc_op_cost *more)
{
    sum->compute_s += more->compute_s;
    sum->collective_s += more->collective_s;
    sum->resharding_s += more->resharding_s;
    sum->term_s += more->term_s;
    sum->total_s += more->total_s;
    sum->memory.parameters += more->memory.parameters;
    sum->memory.gradients += more->memory.gradients;
    sum->memory.optimizer += more->memory.optimizer;
    sum->memory.activations += more->memory.activations;
    sum->memory.cache += more->memory.cache;
    sum->memory.working = fmax(sum->memory.working, more->memory.working);
}

/* An op's own cost and, while they have no rows, that of the parameters and inputs which only it reads first. */
static void op_cost(const struct tui_app *app, int op, struct sc_op_cost *sum)
{
    const struct sc_op *o = &app->graph->ops[op];
    struct sc_op_cost cost = sc_plan_op_cost(app->plan, op);
    add_cost(sum, &cost);
    for (int k = 0; !app->show_parameters && k < o->operand_count; k++) {
        const struct sc_tensor *tensor = &app->graph->tensors[o->operands[k]];
        if (is_source(app, tensor->op) && tensor->uses[0].op == op && tensor->uses[0].port == k) {
            cost = sc_plan_op_cost(app->plan, tensor->op);
            add_cost(sum, &cost);
        }
    }
}

void tui_row_cost(const struct tui_app *app, const struct tui_row *row, struct sc_op_cost *out)
{
    *out = (struct sc_op_cost){0};
    if (row->cut || !app->plan || !app->plan->choice || app->plan->graph != app->graph)
        return;
    int ops = row->fold ? row->copies * row->length : row->copies;
    for (int i = 0; i < ops; i++) {
        int op = row->op + (row->fold ? i : i * row->length);
        if (!row->fold)
            op_cost(app, op, out);
        else {
            struct sc_op_cost cost = sc_plan_op_cost(app->plan, op);
            add_cost(out, &cost);
        }
    }
}

bool tui_row_pinned(const struct tui_app *app, const struct tui_row *row)
{
    if (!app->plan || app->plan->graph != app->graph)
        return false;
    if (row->cut) {
        int layer = app->plan->stages[row->cut].first_layer;
        return tui_cut_text(app, &app->plan->settings.cuts, layer) != NULL;
    }
    int ops = row->fold ? row->length : 1;
    for (int i = 0; i < ops; i++)
        if (app->plan->pinned[row->op + i])
            return true;
    return false;
}

/* "layer.3.mlp.fc1" as a glob over all copies; false when the name is not made that way. */
static bool copy_glob(const struct sc_repeat *repeat, const char *name, char *out, size_t size)
{
    size_t prefix = strlen(repeat->name), digits;
    if (strncmp(name, repeat->name, prefix) != 0 || name[prefix] != '.')
        return false;
    digits = strspn(name + prefix + 1, "0123456789");
    if (!digits)
        return false;
    snprintf(out, size, "%s.*%s", repeat->name, name + prefix + 1 + digits);
    return true;
}

void tui_row_command(const struct tui_app *app, const struct tui_row *row, const char *verb, const char *strategy,
                     struct sc_str *out)
{
    char glob[256];
    const struct sc_repeat *repeat = row->repeat >= 0 ? &app->graph->repeats[row->repeat] : NULL;
    const char *name = app->graph->ops[row->op].name;
    if (repeat && row->copies == repeat->count && copy_glob(repeat, name, glob, sizeof glob)) {
        sc_str_addf(out, "%s%s %s%s%s", out->length ? "; " : "", verb, glob, *strategy ? " " : "", strategy);
        return;
    }
    for (int i = 0; i < row->copies; i++)
        sc_str_addf(out, "%s%s %s%s%s", out->length ? "; " : "", verb, app->graph->ops[row->op + i * row->length].name,
                    *strategy ? " " : "", strategy);
}
