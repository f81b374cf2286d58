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
    [TUI_VIEW_GRAPH] = &tui_graph_view,       [TUI_VIEW_STAGES] = &tui_stages_view,
    [TUI_VIEW_TIMELINE] = &tui_timeline_view, [TUI_VIEW_WHY] = &tui_why_view,
    [TUI_VIEW_HELP] = &tui_help_view,         [TUI_VIEW_LOG] = &tui_log_view,
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

/* ---- header ---- */

/* How much is said: all of it; less and less of the iteration; the machine alone; nothing. */
enum { WIDEST = 0, MACHINE = 3, NARROWEST = 4 };

/* "8×H100 x=4 y=2": the devices, and the axes that strategies name; "8×H100 in 2 stages". */
static void describe_machine(const struct tui_app *app, struct sc_str *out)
{
    const struct sc_plan *plan = app->plan && app->plan->graph == app->graph ? app->plan : NULL;
    const struct sc_cluster *cluster = plan ? plan->cluster : app->cluster;
    int devices = plan ? 0 : cluster->hosts * cluster->devices_per_host, stages = plan ? plan->stage_count : 0;
    for (int i = 0; i < stages; i++)
        devices += plan->stages[i].hosts * plan->stages[i].devices;
    bool none = plan && !stages && plan->settings.stages_max > 0; /* its costs are of some part of the machine */
    if (none)
        devices = plan->settings.devices ? (int)plan->settings.devices : cluster->hosts * cluster->devices_per_host;
    else if (plan && !stages)
        devices = plan->costs->mesh.hosts * plan->costs->mesh.devices;
    sc_str_addf(out, "%d\xc3\x97%.*s", devices, (int)strcspn(cluster->device.name, "- "), cluster->device.name);
    if (stages > 1)
        sc_str_addf(out, " in %d stages", stages);
    for (int a = 0; plan && !none && stages < 2 && a < plan->costs->mesh.axes.count; a++)
        sc_str_addf(out, " %c=%d", sc_axis_name(a), plan->costs->mesh.axes.size[a]);
}

/* What is planned, and on what. */
static void describe_model(const struct tui_app *app, int width, struct sc_str *out)
{
    const struct sc_graph *graph = app->graph;
    int64_t batch = graph->batch * graph->microbatches;
    if (width == NARROWEST)
        return;
    if (width < MACHINE)
        sc_str_addf(out, "%s  ", sc_mode_name(graph->mode));
    if (batch && width < 2) {
        sc_str_addf(out, "batch %" PRId64, batch);
        if (graph->microbatches > 1)
            sc_str_addf(out, " in %" PRId64 " microbatches", graph->microbatches);
        if (graph->sequence && width == WIDEST)
            sc_str_addf(out, " of %" PRId64 "\xc3\x97%" PRId64 " tokens", graph->batch, graph->sequence);
        sc_str_add(out, "  ");
    } else if (batch && width < MACHINE) {
        sc_str_addf(out, "batch %" PRId64, batch);
        if (graph->microbatches > 1)
            sc_str_addf(out, "/%" PRId64, graph->microbatches);
        sc_str_add(out, "  ");
    }
    describe_machine(app, out);
}

/* The right end: what the plan costs and whether that is proven; of an older plan while a new one is made. */
static enum tui_role describe_plan(const struct tui_app *app, int width, struct sc_str *out)
{
    const struct sc_plan *plan = app->plan;
    char text[32], limit[32];
    if (!plan || tui_plan_is_old(app)) {
        if (plan && plan->choice) {
            sc_format_seconds(plan->iteration_s, text, sizeof text);
            sc_str_addf(out, "was %s  ", text);
        }
        if (app->solving)
            sc_str_addf(out, "solving %.1f s", sc_now() - app->solve_started);
        else
            sc_str_add(out, plan ? "not planned since the change" : "");
        return TUI_WARN;
    }
    if (!plan->choice) {
        sc_str_add(out, plan->status == SC_SOLVED_INFEASIBLE ? "no plan is possible" : "no plan in time");
        return TUI_BAD;
    }
    sc_format_seconds(plan->iteration_s, text, sizeof text);
    sc_str_addf(out, "%s%s  ", width < NARROWEST ? "iteration " : "", text);
    enum tui_role role = tui_describe_gap(plan, width == NARROWEST, out);
    if (app->solving)
        sc_str_add(out, "\xe2\x80\xa6");
    if (width == WIDEST && plan->flops_per_device > 0)
        sc_str_addf(out, "  %.3g TFLOP/s/device", plan->flops_per_device / 1e12);
    if (width == WIDEST) {
        sc_format_bytes(plan->peak_bytes, text, sizeof text);
        sc_format_bytes(plan->costs->memory_bytes, limit, sizeof limit);
        sc_str_addf(out, "  %s of %s", text, limit);
    }
    return role;
}

/* The widest pair of both ends that fits. */
static void draw_header(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    static const struct {
        int left, right;
    } pairs[] = {{0, 0}, {1, 0}, {1, 1}, {2, 1}, {3, 1}, {3, 4}, {4, 4}};
    struct sc_str left = {0}, right = {0};
    enum tui_role role = TUI_DIM;
    if (!app->graph) {
        int x = tui_text(grid, rect, 1, 0, TUI_HEADER, "stagecut");
        tui_text(grid, rect, x + 2, 0, TUI_DIM, "see and steer how a model is spread over devices");
        return;
    }
    int name = tui_text_width(app->graph->name);
    for (size_t i = 0; i < SC_LEN(pairs); i++) {
        sc_str_clear(&left);
        sc_str_clear(&right);
        describe_model(app, pairs[i].left, &left);
        role = describe_plan(app, pairs[i].right, &right);
        int used = name + tui_text_width(sc_str_text(&left)) + tui_text_width(sc_str_text(&right)) + 6;
        if (used <= rect.width)
            break;
    }
    int x = tui_text(grid, rect, 1, 0, TUI_HEADER, app->graph->name);
    tui_text(grid, rect, x + 2, 0, TUI_PLAIN, sc_str_text(&left));
    tui_right(grid, rect, 0, 0, rect.width - 1, role, sc_str_text(&right));
    sc_str_free(&left);
    sc_str_free(&right);
}

/* ---- the lines at the bottom ---- */

/* Before the first plan: what the solver does. */
static void describe_search(const struct tui_app *app, struct sc_str *out)
{
    struct sc_progress_value p = sc_worker_progress(app->worker);
    char number[32];
    sc_str_addf(out, "%s", p.phase);
    if (isfinite(p.best)) {
        sc_format_seconds(p.best, number, sizeof number);
        sc_str_addf(out, "  best %s", number);
    }
    if (isfinite(p.bound) && p.bound > 0) {
        sc_format_seconds(p.bound, number, sizeof number);
        sc_str_addf(out, "  bound %s", number);
    }
    if (isfinite(p.best) && isfinite(p.bound) && p.best > 0)
        sc_str_addf(out, "  gap %.2g %%", 100 * (p.best - p.bound) / p.best);
}

/* How the solve goes, once it takes long enough to wonder. */
static void draw_progress(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    struct sc_str text = {0};
    if (!app->plan || tui_plan_is_old(app) || !app->plan->choice) {
        describe_search(app, &text);
    } else {
        tui_describe_gap(app->plan, false, &text);
        sc_str_addf(&text, ", improving\xe2\x80\xa6 %.1f s", sc_now() - app->solve_started);
    }
    int x = tui_text(grid, rect, 1, 0, TUI_WARN, sc_str_text(&text));
    tui_text(grid, rect, x + 3, 0, TUI_DIM, "Ctrl-C keeps the best so far");
    sc_str_free(&text);
}

/* Above the line that is edited: what could stand there. */
static void draw_offers(const struct tui_app *app, struct tui_grid *grid, struct tui_rect body)
{
    struct tui_rect rect = {body.x + 1, body.y, body.width - 2, body.height};
    size_t length = strlen(app->message);
    int rows = tui_paragraph(NULL, rect, 0, app->message_role, app->message, length);
    if (rows > body.height / 2)
        rows = body.height / 2;
    rect.y += body.height - rows;
    rect.height = rows;
    body.y += body.height - rows - 1;
    for (int y = 0; y <= rows; y++)
        tui_fill(grid, body, y, y ? ' ' : 0x2500, TUI_BORDER);
    tui_paragraph(grid, rect, 0, app->message_role, app->message, length);
}

static void draw_message(const struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    if (!app->editing && !app->message[0] && app->solving && app->worker && sc_now() - app->solve_started > 0.3) {
        draw_progress(app, grid, rect);
        return;
    }
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
    const char *context = tui_view(app)->name;
    int x = 1;
    for (size_t i = 0; (command = tui_command_at(i)); i++) {
        char key[16];
        if (!command->bar || !tui_command_in(command, context))
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
    tui_view_render(app, tui_view(app), grid, rect);
    if (app->editing && app->message[0])
        draw_offers(app, grid, rect);
    rect = (struct tui_rect){0, all.height - 2, all.width, 1};
    draw_message(app, grid, rect);
    rect.y++;
    draw_bar(app, grid, rect);
}
