/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The lane gutter. A lane belongs to a source tensor, not to an edge: it runs from the row that makes the tensor to
 * the last row that reads it. A freed lane stays blank for a row before it is used again.
 */
#include <string.h>

#include "ui/app.h"

void tui_gutter_free(struct tui_gutter *gutter)
{
    sc_free(gutter->mask);
    sc_free(gutter->node);
    *gutter = (struct tui_gutter){0};
}

struct lane {
    int source; /* row; -1: free */
    int freed;  /* row at which it became free */
};

struct layout {
    struct tui_app *app;
    int *row_of; /* an op: its row, or -1 (hidden) */
    int *last;   /* a row: last row that reads it, or -1 */
    struct lane lanes[TUI_MAX_LANES];
};

/* All copies of an op are at the row that stands for them; an open block's head is only its title, and a cut a line
 * across. */
static void map_ops(struct layout *layout)
{
    const struct tui_app *app = layout->app;
    for (int op = 0; op < app->graph->op_count; op++)
        layout->row_of[op] = -1;
    for (int i = 0; i < app->rows.count; i++) {
        const struct tui_row *row = &app->rows.at[i];
        int ops = row->fold ? row->copies * row->length : row->copies;
        for (int k = 0; k < ops && !row->cut && !(row->fold && row->open); k++)
            layout->row_of[row->op + (row->fold ? k : k * row->length)] = i;
    }
}

static void find_last(struct layout *layout)
{
    const struct sc_graph *graph = layout->app->graph;
    for (int i = 0; i < layout->app->rows.count; i++)
        layout->last[i] = -1;
    for (int t = 0; t < graph->tensor_count; t++) {
        int from = layout->row_of[graph->tensors[t].op];
        for (int u = 0; from >= 0 && u < graph->tensors[t].use_count; u++) {
            int to = layout->row_of[graph->tensors[t].uses[u].op];
            if (to > from && to > layout->last[from])
                layout->last[from] = to;
        }
    }
}

/* The row's ops read a tensor of `source`'s? */
static bool reads(const struct layout *layout, int row_index, int source)
{
    const struct sc_graph *graph = layout->app->graph;
    const struct tui_row *row = &layout->app->rows.at[row_index];
    int ops = row->fold ? row->copies * row->length : row->copies;
    for (int k = 0; k < ops; k++) {
        const struct sc_op *op = &graph->ops[row->op + (row->fold ? k : k * row->length)];
        for (int p = 0; p < op->operand_count; p++)
            if (layout->row_of[graph->tensors[op->operands[p]].op] == source)
                return true;
    }
    return false;
}

static int place_node(struct layout *layout, int row, const bool *read, struct tui_gutter *gutter)
{
    for (int l = 0; l < TUI_MAX_LANES; l++) /* goes on in the lane of an input that ends here */
        if (read[l] && layout->last[layout->lanes[l].source] == row)
            return l;
    for (int l = 0; l < TUI_MAX_LANES; l++)
        if (layout->lanes[l].source < 0 && layout->lanes[l].freed < row - 1)
            return l;
    for (int l = 0; l < TUI_MAX_LANES; l++)
        if (layout->lanes[l].source < 0)
            return l;
    gutter->bundled = true;
    return TUI_MAX_LANES - 1;
}

static void connect(uint8_t *mask, int from, int to)
{
    int left = from < to ? from : to, right = from < to ? to : from;
    for (int x = 2 * left; x < 2 * right; x++) {
        mask[x] |= TUI_LANE_RIGHT;
        mask[x + 1] |= TUI_LANE_LEFT;
    }
}

static void lay_row(struct layout *layout, int row, struct tui_gutter *gutter)
{
    bool read[TUI_MAX_LANES];
    uint8_t *mask = gutter->mask[row];
    const struct tui_row *at = &layout->app->rows.at[row];
    if (at->cut || (at->fold && at->open)) {
        for (int l = 0; l < TUI_MAX_LANES; l++)
            if (layout->lanes[l].source >= 0)
                mask[2 * l] |= TUI_LANE_UP | TUI_LANE_DOWN;
        gutter->node[row] = -1;
        return;
    }
    for (int l = 0; l < TUI_MAX_LANES; l++) {
        read[l] = layout->lanes[l].source >= 0 && reads(layout, row, layout->lanes[l].source);
        if (layout->lanes[l].source >= 0)
            mask[2 * l] |= TUI_LANE_UP;
    }
    int node = place_node(layout, row, read, gutter);
    for (int l = 0; l < TUI_MAX_LANES; l++) {
        bool ends = layout->lanes[l].source >= 0 && layout->last[layout->lanes[l].source] <= row;
        if (read[l] && l != node)
            connect(mask, l, node);
        if (layout->lanes[l].source >= 0 && !ends)
            mask[2 * l] |= TUI_LANE_DOWN;
        if (ends)
            layout->lanes[l] = (struct lane){-1, row};
    }
    if (layout->last[row] > row) {
        layout->lanes[node] = (struct lane){row, -1};
        mask[2 * node] |= TUI_LANE_DOWN;
    }
    gutter->node[row] = (int8_t)node;
    for (int l = 0; l < TUI_MAX_LANES; l++)
        if ((mask[2 * l] || l == node) && l + 1 > gutter->lanes)
            gutter->lanes = l + 1;
}

void tui_gutter_build(struct tui_app *app)
{
    struct tui_gutter *gutter = &app->gutter;
    tui_gutter_free(gutter);
    if (!app->graph || !app->rows.count)
        return;
    struct layout layout = {.app = app,
                            .row_of = sc_calloc((size_t)app->graph->op_count, sizeof *layout.row_of),
                            .last = sc_calloc((size_t)app->rows.count, sizeof *layout.last)};
    gutter->mask = sc_calloc((size_t)app->rows.count, sizeof *gutter->mask);
    gutter->node = sc_calloc((size_t)app->rows.count, sizeof *gutter->node);
    if (layout.row_of && layout.last && gutter->mask && gutter->node) {
        for (int l = 0; l < TUI_MAX_LANES; l++)
            layout.lanes[l] = (struct lane){-1, -2};
        map_ops(&layout);
        find_last(&layout);
        for (int row = 0; row < app->rows.count; row++)
            lay_row(&layout, row, gutter);
    } else {
        tui_gutter_free(gutter);
    }
    sc_free(layout.row_of);
    sc_free(layout.last);
}
