/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The graph view: ops in topological order with their lanes, strategies and costs; candidates of the one under the
 * cursor beside or below it.
 */
#include <stdio.h>
#include <string.h>

#include "ui/app.h"

static uint32_t lane_glyph(uint8_t mask)
{
    static const uint32_t glyphs[16] = {
        [0] = ' ',
        [TUI_LANE_UP] = 0x2575,
        [TUI_LANE_DOWN] = 0x2577,
        [TUI_LANE_UP | TUI_LANE_DOWN] = 0x2502,
        [TUI_LANE_LEFT] = 0x2574,
        [TUI_LANE_RIGHT] = 0x2576,
        [TUI_LANE_LEFT | TUI_LANE_RIGHT] = 0x2500,
        [TUI_LANE_UP | TUI_LANE_LEFT] = 0x256f,
        [TUI_LANE_UP | TUI_LANE_RIGHT] = 0x2570,
        [TUI_LANE_DOWN | TUI_LANE_LEFT] = 0x256e,
        [TUI_LANE_DOWN | TUI_LANE_RIGHT] = 0x256d,
        [TUI_LANE_UP | TUI_LANE_DOWN | TUI_LANE_LEFT] = 0x2524,
        [TUI_LANE_UP | TUI_LANE_DOWN | TUI_LANE_RIGHT] = 0x251c,
        [TUI_LANE_LEFT | TUI_LANE_RIGHT | TUI_LANE_UP] = 0x2534,
        [TUI_LANE_LEFT | TUI_LANE_RIGHT | TUI_LANE_DOWN] = 0x252c,
        [TUI_LANE_UP | TUI_LANE_DOWN | TUI_LANE_LEFT | TUI_LANE_RIGHT] = 0x253c,
    };
    return glyphs[mask & 15];
}

/* Widths of the columns, by the room there is. A plan of several stages has a column for them on the left. */
struct columns {
    int stage, gutter, name, strategy, compute, comm, memory;
};

/* Takes the stages' column off the rect. */
static struct columns measure(const struct tui_app *app, struct tui_rect *rect)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    int stage = !plan || plan->stage_count == 1 ? 0 : plan->stage_count > 10 ? 3 : 2;
    int width = rect->width - stage;
    rect->x += stage;
    rect->width = width;
    struct columns c = {.stage = stage, .gutter = 2 * app->gutter.lanes + 1, .compute = 9, .comm = 9, .memory = 9};
    if (width < 62)
        c.memory = 0;
    if (width < 52)
        c.compute = 0;
    c.strategy = width >= 100 ? 22 : width >= 72 ? 18 : 14;
    c.name = width - c.gutter - c.strategy - c.compute - c.comm - c.memory - 2;
    if (c.name < 18 && c.memory) { /* lanes and names say more than memory does */
        c.name += c.memory;
        c.memory = 0;
    }
    if (c.name < 12) {
        c.name += c.gutter - 2;
        c.gutter = 2;
    }
    return c;
}

static void draw_head(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    struct tui_rect whole = rect;
    const struct columns columns = measure(app, &rect), *c = &columns;
    int x = c->gutter + c->name;
    int end = tui_text(grid, rect, 1, 0, TUI_TITLE, "graph");
    if (c->stage)
        tui_text(grid, whole, 0, 0, TUI_DIM, "st");
    if (app->filter[0])
        end = tui_textf(grid, rect, end + 1, 0, TUI_WARN, "only '%s'", app->filter);
    if (tui_plan_is_old(app))
        tui_text(grid, rect, end + 1, 0, TUI_WARN, "plan before the change");
    tui_text(grid, rect, x, 0, TUI_DIM, "strategy");
    x += c->strategy;
    if (c->compute)
        x = tui_right(grid, rect, x, 0, c->compute, TUI_DIM, "compute");
    x = tui_right(grid, rect, x, 0, c->comm, TUI_DIM, "comm");
    if (c->memory)
        tui_right(grid, rect, x, 0, c->memory, TUI_DIM, "memory");
    if (app->gutter.bundled)
        tui_put(grid, rect, 2 * TUI_MAX_LANES, 0, 0x2021, TUI_LANE);
}

static void draw_lanes(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int y, int index,
                       int width)
{
    const struct tui_row *row = tui_row_at(app, index);
    struct tui_rect part = rect;
    if (!app->gutter.mask)
        return;
    if (part.width > width)
        part.width = width;
    for (int x = 0; x < 2 * app->gutter.lanes; x++)
        tui_put(grid, part, x, y, lane_glyph(app->gutter.mask[index][x]), TUI_LANE);
    enum tui_role role = tui_row_pinned(app, row) ? TUI_PINNED : TUI_TITLE;
    if (app->gutter.node[index] >= 0)
        tui_put(grid, part, 2 * app->gutter.node[index], y, row->fold ? 0x25b8 : 0x25cf, role);
    else
        tui_put(grid, rect, width, y, 0x25be, role);
}

/* Numbers of a plan that is no longer wanted are not to be taken for those of the new one. */
static enum tui_role aged(const struct tui_app *app, enum tui_role role)
{
    return tui_plan_is_old(app) ? TUI_DIM : role;
}

/* The stage of a row's op; of a fold, of its first op that computes. */
static void draw_stage(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int width,
                       const struct tui_row *row)
{
    char text[16];
    int op = row->op;
    while (row->fold && op < row->op + row->length - 1 && app->graph->ops[op].operand_count == 0)
        op++;
    snprintf(text, sizeof text, "%d", sc_plan_stage_of_op(app->plan, op));
    tui_right(grid, rect, 0, 0, width - 1, TUI_DIM, text);
}

/* A line across all columns and lanes: where a stage begins, what passes and how long that takes a microbatch. */
static void draw_cut(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, const struct columns *c,
                     int index)
{
    const struct tui_row *row = tui_row_at(app, index);
    struct sc_str text = {0};
    char name[256];
    bool pinned = tui_row_pinned(app, row);
    tui_fill(grid, rect, 0, 0x2500, TUI_BORDER);
    for (int x = 0; app->gutter.mask && x < 2 * app->gutter.lanes && x < c->gutter; x++)
        if (app->gutter.mask[index][x])
            tui_put(grid, rect, x, 0, 0x253c, TUI_LANE);
    tui_row_name(app, row, name, sizeof name);
    sc_str_addf(&text, " %s%s  ", name, pinned ? " (pinned)" : "");
    tui_describe_cut(app->plan, row->cut, &text);
    sc_str_add(&text, " ");
    tui_text(grid, rect, c->gutter + 1, 0, aged(app, pinned ? TUI_PINNED : TUI_TITLE), sc_str_text(&text));
    sc_str_free(&text);
}

/* How many kinds of strategies a folded block has in use. */
static int count_kinds(const struct tui_app *app, const struct tui_row *row)
{
    char seen[32][64], text[64];
    int kinds = 0;
    for (int k = 0; k < row->length; k++) {
        if (app->graph->ops[row->op + k].operand_count == 0)
            continue;
        sc_plan_op_strategy(app->plan, row->op + k, text, sizeof text);
        int i = 0;
        while (i < kinds && strcmp(seen[i], text) != 0)
            i++;
        if (i == kinds && kinds < 32)
            memcpy(seen[kinds++], text, sizeof text);
    }
    return kinds;
}

static void row_strategy(const struct tui_app *app, const struct tui_row *row, char *out, size_t size)
{
    *out = '\0';
    if (!app->plan || !app->plan->choice || app->plan->graph != app->graph)
        return;
    if (!row->fold) {
        sc_plan_op_strategy(app->plan, row->op, out, size);
        return;
    }
    int kinds = count_kinds(app, row);
    int op = row->op;
    while (op < row->op + row->length - 1 && app->graph->ops[op].operand_count == 0)
        op++;
    if (kinds == 1)
        sc_plan_op_strategy(app->plan, op, out, size);
    else
        snprintf(out, size, "%d kinds", kinds);
}

static void draw_cost(struct tui_grid *grid, struct tui_rect rect, int x, int y, int width, double value,
                      void (*format)(double, char *, size_t), enum tui_role role)
{
    char text[32];
    if (!width)
        return;
    if (value > 0) {
        format(value, text, sizeof text);
        tui_right(grid, rect, x, y, width, role, text);
    } else {
        tui_right(grid, rect, x, y, width, TUI_DIM, "\xc2\xb7");
    }
}

static void draw_row(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int index)
{
    struct tui_rect whole = rect;
    const struct columns columns = measure(app, &rect), *c = &columns;
    const int y = 0;
    const struct tui_row *row = tui_row_at(app, index);
    if (row->cut) {
        draw_cut(app, grid, whole, c, index);
        return;
    }
    if (c->stage)
        draw_stage(app, grid, whole, c->stage, row);
    char name[256], strategy[64];
    struct sc_op_cost cost;
    bool pinned = tui_row_pinned(app, row);
    draw_lanes(app, grid, rect, y, index, c->gutter);
    tui_row_name(app, row, name, sizeof name);
    struct tui_rect part = rect;
    part.width = c->gutter + c->name - 2 < rect.width ? c->gutter + c->name - 2 : rect.width;
    int x = tui_text(grid, part, c->gutter + row->depth + 2 * (row->fold && row->open), y,
                     row->fold ? TUI_HEADER : TUI_PLAIN, name);
    if (row->copies > 1 && !row->fold && !row->depth)
        x = tui_textf(grid, part, x + 1, y, TUI_DIM, "\xc3\x97%d", row->copies);
    if (!row->fold)
        tui_text(grid, part, x + 1, y, TUI_DIM, app->graph->ops[row->op].kind->name);
    row_strategy(app, row, strategy, sizeof strategy);
    part.width = c->gutter + c->name + c->strategy < rect.width ? c->gutter + c->name + c->strategy : rect.width;
    x = c->gutter + c->name;
    if (pinned)
        tui_put(grid, part, x - 2, y, 'p', TUI_PINNED);
    tui_text(grid, part, x, y, aged(app, pinned ? TUI_PINNED : row->fold ? TUI_DIM : TUI_PLAIN), strategy);
    x += c->strategy;
    if (!app->plan || !app->plan->choice || app->plan->graph != app->graph)
        return; /* nothing is known: that is not the dot of zero */
    tui_row_cost(app, row, &cost);
    const struct sc_memory *m = &cost.memory;
    draw_cost(grid, rect, x, y, c->compute, cost.compute_s, sc_format_seconds, aged(app, TUI_COMPUTE));
    draw_cost(grid, rect, x + c->compute, y, c->comm, cost.collective_s + cost.resharding_s, sc_format_seconds,
              aged(app, TUI_COMM));
    draw_cost(grid, rect, x + c->compute + c->comm, y, c->memory,
              m->parameters + m->gradients + m->optimizer + m->activations + m->cache, sc_format_bytes,
              aged(app, TUI_MEMORY));
}

static void draw_graph(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    tui_list_render(app, &tui_graph_view, grid, rect, TUI_PANE_MAIN);
    if (!app->rows.count)
        tui_text(grid, rect, 2, 2, TUI_DIM,
                 !app->graph      ? "no model yet"
                 : app->filter[0] ? "nothing matches the filter; f changes it"
                                  : "no ops");
}

static void render(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    struct tui_rect left = rect, right = rect;
    if (rect.width >= 118) { /* side by side; a graph wider than it needs would only pull its columns apart */
        int most = 2 * app->gutter.lanes + 90;
        right.width = rect.width / 5 * 2 > 64 ? rect.width / 5 * 2 : 56;
        left.width = rect.width - right.width - 1 < most ? rect.width - right.width - 1 : most;
        right.width = rect.width - left.width - 1;
        right.x = rect.x + left.width + 1;
        for (int y = 0; y < rect.height; y++)
            tui_put(grid, rect, left.width, y, 0x2502, TUI_BORDER);
        draw_graph(app, grid, left);
        tui_render_candidates(app, grid, right);
        return;
    }
    int below = rect.height >= 16 ? rect.height * 2 / 5 : rect.height >= 8 ? 4 : 0;
    if (app->pane == TUI_PANE_BESIDE && rect.height >= 6) /* the pane in use has the room */
        below = rect.height * 2 / 3;
    if (below && rect.height - below > app->rows.count + 1) /* what the graph leaves */
        below = rect.height - app->rows.count - 1;
    left.height = rect.height - below;
    draw_graph(app, grid, left);
    if (!below)
        return;
    tui_fill(grid, rect, left.height, 0x2500, TUI_BORDER);
    right.y = rect.y + left.height + 1;
    right.height = below - 1;
    tui_render_candidates(app, grid, right);
}

static struct tui_list *list(struct tui_app *app)
{
    return &app->list;
}

static int count(struct tui_app *app, int width)
{
    (void)width;
    return app->rows.count;
}

static void enter(struct tui_app *app)
{
    const struct tui_row *row = tui_row_at(app, app->list.cursor);
    if (row && row->cut) {
        tui_run(app, "stages");
    } else if (row && row->fold) {
        sc_map_put_text(&app->open, app->graph->ops[row->op].name, !row->open);
        app->rows_stale = true;
    } else if (row) {
        app->pane = TUI_PANE_BESIDE;
    }
}

static bool text(struct tui_app *app, int index, struct sc_str *out)
{
    const struct tui_row *row = tui_row_at(app, index);
    if (!row)
        return false;
    char part[256];
    tui_row_name(app, row, part, sizeof part);
    if (row->cut) {
        sc_str_addf(out, "%s  ", part);
        tui_describe_cut(app->plan, row->cut, out);
        return true;
    }
    sc_str_addf(out, "%s %s ", part, app->graph->ops[row->op].kind->name);
    row_strategy(app, row, part, sizeof part);
    sc_str_add(out, part);
    return true;
}

const struct tui_view_ops tui_graph_view = {
    .name = "graph",
    .head = 1,
    .list = list,
    .count = count,
    .update = tui_candidates_update,
    .draw_head = draw_head,
    .draw_row = draw_row,
    .text = text,
    .enter = enter,
    .render = render,
};
