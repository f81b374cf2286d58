/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The whole screen: header, the view, a line for messages or editing, the bottom bar.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/app.h"

static const struct tui_view_ops *const views[TUI_VIEW_COUNT] = {
    [TUI_VIEW_GRAPH] = &tui_graph_view,
    [TUI_VIEW_WHY] = &tui_why_view,
    [TUI_VIEW_HELP] = &tui_help_view,
    [TUI_VIEW_LOG] = &tui_log_view,
    [TUI_VIEW_PICKER] = &tui_picker_view,
};

const struct tui_view_ops *tui_view(const struct tui_app *app)
{
    return views[app->view];
}

const struct tui_view_ops *tui_view_at(int index)
{
    return index >= 0 && index < TUI_VIEW_COUNT ? views[index] : NULL;
}

static void describe_run(const struct tui_app *app, struct sc_str *out)
{
    const struct sc_graph *graph = app->graph;
    const struct sc_plan *plan = app->plan;
    sc_str_addf(out, "%s", sc_mode_name(graph->mode));
    if (graph->batch)
        sc_str_addf(out, "  %" PRId64 "\xc3\x97%" PRId64, graph->microbatches, graph->batch);
    if (graph->sequence)
        sc_str_addf(out, "\xc3\x97%" PRId64, graph->sequence);
    if (plan && plan->graph == graph) {
        const struct sc_mesh *mesh = &plan->costs->mesh;
        sc_str_addf(out, "  %s ", app->cluster->name);
        for (int a = 0; a < mesh->axes.count; a++)
            sc_str_addf(out, "%s%c%d", a ? "\xc3\x97" : "", sc_axis_name(a), mesh->axes.size[a]);
    } else if (app->cluster) {
        sc_str_addf(out, "  %s", app->cluster->name);
    }
}

/* The right end of the header: what the plan costs and whether that is proven; or how the solve goes. */
static enum tui_role describe_plan(const struct tui_app *app, int width, struct sc_str *out)
{
    const struct sc_plan *plan = app->plan;
    char time[32];
    enum tui_role role = TUI_DIM;
    if (plan && plan->choice) {
        sc_format_seconds(plan->iteration_s, time, sizeof time);
        sc_str_addf(out, "%s%s", app->solving ? "before: " : "", time);
        bool proven = plan->status == SC_SOLVED_OPTIMAL && plan->gap <= 0;
        if (proven && !app->solving)
            sc_str_add(out, "  optimal");
        else if (!app->solving)
            sc_str_addf(out, "  not proven, gap %.2g %%", 100 * plan->gap);
        if (!app->solving && plan->flops_per_device > 0 && width >= 90)
            sc_str_addf(out, "  %.3g TFLOP/s/device", plan->flops_per_device / 1e12);
        role = app->solving ? TUI_DIM : proven ? TUI_GOOD : TUI_WARN;
    } else if (plan && !app->solving) {
        sc_str_add(out, plan->status == SC_SOLVED_INFEASIBLE ? "no plan is possible" : "no plan in time");
        role = TUI_BAD;
    }
    if (app->solving && app->worker) {
        struct sc_progress_value p = sc_worker_progress(app->worker);
        double elapsed = sc_now() - app->solve_started;
        sc_str_addf(out, "%ssolving", out->length ? "  " : "");
        if (elapsed > 0.3) {
            sc_str_addf(out, " %s %.1f s", p.phase, elapsed);
            if (isfinite(p.best) && isfinite(p.bound) && p.best > 0)
                sc_str_addf(out, " gap %.2g %%", 100 * (p.best - p.bound) / p.best);
        }
        role = TUI_WARN;
    }
    return role;
}

static void draw_header(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    struct sc_str left = {0}, right = {0};
    enum tui_role role = TUI_DIM;
    int x = tui_text(grid, rect, 1, 0, TUI_DIM, "stagecut");
    if (!app->graph) {
        tui_text(grid, rect, x + 2, 0, TUI_PLAIN, "see and steer how a model is spread over devices");
        return;
    }
    role = describe_plan(app, rect.width, &right);
    describe_run(app, &left);
    int room = rect.width - tui_text_width(sc_str_text(&right)) - 2;
    struct tui_rect part = rect;
    if (room > 12 && part.width > room)
        part.width = room;
    x = tui_text(grid, part, x + 2, 0, TUI_HEADER, app->graph->name);
    tui_text(grid, part, x + 2, 0, TUI_PLAIN, sc_str_text(&left));
    tui_right(grid, rect, 0, 0, rect.width - 1, role, sc_str_text(&right));
    sc_str_free(&left);
    sc_str_free(&right);
}

static void draw_message(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    if (!app->editing) {
        tui_text(grid, rect, 1, 0, app->message_role, app->message);
        return;
    }
    char prompt[16];
    snprintf(prompt, sizeof prompt, "%s", app->editing == 'f' ? "filter: " : app->editing == '/' ? "/" : ":");
    char head[sizeof app->line];
    snprintf(head, sizeof head, "%.*s", app->line_cursor, app->line);
    int start = tui_text(grid, rect, 0, 0, TUI_KEY, prompt), cursor = start + tui_text_width(head);
    int shift = cursor >= rect.width ? cursor - rect.width + 1 : 0; /* long lines scroll */
    const char *text = app->line;
    int x = start - shift;
    for (uint32_t code; (code = tui_utf8_next(&text));) {
        if (x >= start)
            x += tui_put(grid, rect, x, 0, code, TUI_PLAIN);
        else
            x++;
    }
    grid->cursor_x = rect.x + cursor - shift;
    grid->cursor_y = rect.y;
}

static void draw_bar(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    const struct tui_command *command;
    const char *context = tui_view(app)->context;
    int x = 1;
    for (size_t i = 0; (command = tui_command_at(i)); i++) {
        char key[16];
        if (!command->bar || (command->context[0] && strcmp(command->context, context) != 0))
            continue;
        snprintf(key, sizeof key, "%.*s", (int)strcspn(command->keys, " "), command->keys);
        int width = tui_text_width(key) + 1 + tui_text_width(command->bar);
        if (x + width >= rect.width)
            break;
        x = tui_text(grid, rect, x, 0, TUI_KEY, key);
        x = tui_text(grid, rect, x + 1, 0, TUI_DIM, command->bar) + 2;
    }
}

void tui_render(struct tui_app *app, struct tui_grid *grid)
{
    struct tui_rect all = tui_grid_all(grid), rect = all;
    tui_grid_clear(grid);
    app->hit_count = 0;
    if (grid->width < 30 || grid->height < 6) {
        tui_text(grid, all, 0, 0, TUI_PLAIN, "too small; 40x10 is enough");
        return;
    }
    rect.height = 1;
    draw_header(app, grid, rect);
    rect = (struct tui_rect){0, 1, all.width, all.height - 3};
    tui_view(app)->render(app, grid, rect);
    rect = (struct tui_rect){0, all.height - 2, all.width, 1};
    draw_message(app, grid, rect);
    rect.y++;
    draw_bar(app, grid, rect);
}
