/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The stages view: a bar a stage for its time and one for its memory by part against the limit; below, or beside, the
 * stage under the cursor in words, and where else it could begin.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/app.h"

/* ---- words that other views use too ---- */

void tui_format_delta(double seconds, bool exact, const char *mark, char *out, size_t size)
{
    char text[24];
    sc_format_seconds(fabs(seconds), text, sizeof text);
    snprintf(out, size, "%s%s%s", exact ? "" : mark, seconds < 0 ? "-" : "+", text);
}

void tui_format_percent(double fraction, char *out, size_t size)
{
    double percent = 100 * fraction, magnitude = fabs(percent);
    snprintf(out, size, "%+.*f %%", magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2, percent);
}

void tui_describe_cut(const struct sc_plan *plan, int stage, struct sc_str *out)
{
    const struct sc_plan_stage *from = &plan->stages[stage - 1], *to = &plan->stages[stage];
    char bytes[32], seconds[32];
    sc_format_bytes(to->transfer.in_bytes, bytes, sizeof bytes);
    sc_format_seconds(to->transfer.in_forward_s + to->transfer.in_backward_s, seconds, sizeof seconds);
    sc_str_addf(out, "%d\xc3\x97%d\xe2\x86\x92%d\xc3\x97%d  %s  %s", from->hosts, from->devices, to->hosts, to->devices,
                bytes, seconds);
}

void tui_describe_transfer(const struct sc_plan *plan, int stage, struct sc_str *out)
{
    const struct sc_plan_stage *to = &plan->stages[stage];
    char bytes[32], there[32], back[32];
    bool far = to->first_device % plan->cluster->devices_per_host == 0;
    sc_format_bytes(to->transfer.in_bytes, bytes, sizeof bytes);
    sc_format_seconds(to->transfer.in_forward_s, there, sizeof there);
    sc_format_seconds(to->transfer.in_backward_s, back, sizeof back);
    sc_str_addf(out, "From stage %d, on %s host, come %s a microbatch in %s", stage - 1, far ? "another" : "the same",
                bytes, there);
    if (to->transfer.in_backward_s > 0)
        sc_str_addf(out, "; their gradient goes back in %s", back);
    sc_str_add(out, ".\n");
}

/* ---- memory by part ---- */

/* What bars are made of: in this order, told apart without colours too. */
static const struct part {
    const char *name;
    uint32_t glyph;
    enum tui_role role;
    size_t offset; /* in struct sc_memory */
} parts[] = {
    {"parameters", 0x2588, TUI_MEMORY, offsetof(struct sc_memory, parameters)},
    {"gradients", 0x2593, TUI_MEMORY, offsetof(struct sc_memory, gradients)},
    {"optimizer", 0x2592, TUI_MEMORY, offsetof(struct sc_memory, optimizer)},
    {"cache", 0x2592, TUI_PLAIN, offsetof(struct sc_memory, cache)},
    {"activations", 0x2591, TUI_COMM, offsetof(struct sc_memory, activations)},
    {"working", 0x00b7, TUI_PLAIN, offsetof(struct sc_memory, working)},
};

static double part_bytes(const struct sc_memory *memory, size_t part)
{
    double value;
    memcpy(&value, (const char *)memory + parts[part].offset, sizeof value);
    return value;
}

/* A column for every `width`th part of the limit; its end is the limit. */
static void draw_memory(struct tui_grid *grid, struct tui_rect rect, int x, int width, const struct sc_memory *memory,
                        double limit)
{
    double sum = 0;
    int at = 0;
    for (size_t i = 0; i < SC_LEN(parts); i++) {
        sum += part_bytes(memory, i);
        int end = (int)lround(fmin(1, sum / limit) * width);
        for (; at < end; at++)
            tui_put(grid, rect, x + at, 0, parts[i].glyph, parts[i].role);
    }
    tui_put(grid, rect, x + width, 0, 0x2502, TUI_BORDER);
}

/* ---- rows ---- */

struct columns {
    int number, layers, devices, mesh, time, time_bar, memory, memory_bar, flight;
};

static struct columns measure(int width)
{
    struct columns c = {.number = 5, .time = 9, .memory = 10, .flight = width >= 70 ? 10 : 7};
    c.mesh = width >= 60 ? 8 : 0;
    c.devices = width >= 50 ? 9 : 0;
    int rest = width - c.number - c.devices - c.mesh - c.time - c.memory - c.flight;
    c.layers = rest < 30 ? rest : rest / 3;
    if (c.layers > 32)
        c.layers = 32;
    if (rest < 30 && rest >= 20)
        c.layers = 14;
    rest -= c.layers;
    if (rest >= 30) {
        c.time_bar = rest / 3 < 24 ? rest / 3 : 24;
        c.memory_bar = rest - c.time_bar < 60 ? rest - c.time_bar : 60;
    } else if (rest >= 6) {
        c.memory_bar = rest;
    } else {
        c.layers += rest;
    }
    return c;
}

static struct tui_list *list(struct tui_app *app)
{
    return &app->stage_list;
}

static int count(struct tui_app *app, int width)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    (void)width;
    return plan ? plan->stage_count : 0;
}

static double longest_stage(const struct sc_plan *plan)
{
    double longest = 0;
    for (int i = 0; i < plan->stage_count; i++)
        longest = fmax(longest, plan->stages[i].stage_s);
    return longest;
}

static void put_title(const struct tui_app *app, const struct sc_plan *plan, struct sc_str *out)
{
    int microbatches = plan->costs->options.microbatches;
    sc_str_addf(out, "%d stage%s, %d microbatch%s", plan->stage_count, plan->stage_count == 1 ? "" : "s", microbatches,
                microbatches == 1 ? "" : "es");
    if (plan->stage_count > 1)
        sc_str_addf(out, " by %s", sc_schedule_name(plan->settings.schedule));
    if (tui_plan_is_old(app))
        sc_str_add(out, ", before the change");
}

static void draw_legend(const struct sc_plan *plan, struct tui_grid *grid, struct tui_rect rect, int x)
{
    for (size_t i = 0; i < SC_LEN(parts); i++) {
        double bytes = 0;
        for (int s = 0; s < plan->stage_count; s++) {
            struct sc_memory memory = sc_plan_stage_memory(&plan->stages[s]);
            bytes += part_bytes(&memory, i);
        }
        if (bytes <= 0 || x + 2 + tui_text_width(parts[i].name) > rect.width)
            continue;
        tui_put(grid, rect, x, 0, parts[i].glyph, parts[i].role);
        x = tui_text(grid, rect, x + 1, 0, TUI_DIM, parts[i].name) + 1;
    }
}

static void draw_head(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    const struct columns c = measure(rect.width);
    struct sc_str title = {0};
    char limit[32], text[64];
    int x = tui_text(grid, rect, 1, 0, TUI_TITLE, "stages");
    if (!plan)
        return;
    put_title(app, plan, &title);
    x = tui_text(grid, rect, x + 2, 0, tui_plan_is_old(app) ? TUI_WARN : TUI_PLAIN, sc_str_text(&title));
    sc_str_free(&title);
    if (rect.width >= 100)
        draw_legend(plan, grid, rect, x + 3);
    x = c.number;
    tui_text(grid, (struct tui_rect){rect.x, rect.y, x + c.layers, rect.height}, x, 1, TUI_DIM, "layers");
    x += c.layers;
    if (c.devices)
        tui_right(grid, rect, x, 1, c.devices, TUI_DIM, "devices");
    x += c.devices;
    if (c.mesh)
        tui_right(grid, rect, x, 1, c.mesh, TUI_DIM, "mesh");
    x += c.mesh;
    tui_right(grid, rect, x, 1, c.time, TUI_DIM, "time");
    x += c.time;
    if (c.time_bar)
        tui_text(grid, (struct tui_rect){rect.x, rect.y, x + c.time_bar, rect.height}, x + 1, 1, TUI_DIM,
                 c.time_bar > 12 ? "a microbatch" : "each");
    x += c.time_bar;
    tui_right(grid, rect, x, 1, c.memory, TUI_DIM, "memory");
    x += c.memory;
    sc_format_bytes(plan->stages[0].plan->costs->memory_bytes, limit, sizeof limit);
    snprintf(text, sizeof text, "of %s", limit);
    if (c.memory_bar)
        tui_text(grid, rect, x + 1, 1, TUI_DIM, text);
    tui_right(grid, rect, x + c.memory_bar, 1, c.flight, TUI_DIM, c.flight > 9 ? "in flight" : "flight");
}

static void put_layers(const struct sc_plan *plan, const struct sc_plan_stage *s, const char *between,
                       struct sc_str *out)
{
    const char *first = plan->graph->layers[s->first_layer].name, *last = plan->graph->layers[s->last_layer].name;
    const char *dot = strrchr(first, '.');
    size_t same = dot ? (size_t)(dot - first) + 1 : 0;
    sc_str_add(out, first);
    if (s->last_layer > s->first_layer) /* "layer.5…9" */
        sc_str_addf(out, "%s%s", between, same && strncmp(first, last, same) == 0 ? last + same : last);
}

static void put_mesh(const struct sc_plan_stage *s, struct sc_str *out)
{
    const struct sc_axes *axes = &s->plan->costs->mesh.axes;
    for (int a = 0; a < axes->count; a++)
        sc_str_addf(out, "%s%d", a ? "\xc3\x97" : "", axes->size[a]);
}

static void draw_row(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int index)
{
    const struct sc_plan *plan = app->plan;
    const struct sc_plan_stage *s = &plan->stages[index];
    const struct columns c = measure(rect.width);
    struct sc_memory memory = sc_plan_stage_memory(s);
    double limit = s->plan->costs->memory_bytes, longest = longest_stage(plan);
    struct tui_rect part = rect;
    struct sc_str text = {0};
    char number[32];
    bool pinned = index && tui_cut_text(app, &plan->settings.cuts, s->first_layer);
    tui_textf(grid, rect, 1, 0, pinned ? TUI_PINNED : TUI_HEADER, "%d%s", index, pinned ? "p" : "");
    int x = c.number;
    part.width = x + c.layers < rect.width ? x + c.layers : rect.width;
    put_layers(plan, s, c.layers < 20 ? "\xe2\x80\xa6" : " to ", &text);
    tui_text(grid, part, x, 0, TUI_PLAIN, sc_str_text(&text));
    x += c.layers;
    if (c.devices) {
        snprintf(number, sizeof number, "%d\xc3\x97%d", s->hosts, s->devices);
        tui_right(grid, rect, x, 0, c.devices, TUI_PLAIN, number);
    }
    x += c.devices;
    sc_str_clear(&text);
    put_mesh(s, &text);
    if (c.mesh)
        tui_right(grid, rect, x, 0, c.mesh, TUI_PLAIN, sc_str_text(&text));
    x += c.mesh;
    sc_format_seconds(s->stage_s, number, sizeof number);
    tui_right(grid, rect, x, 0, c.time, s->stage_s >= longest ? TUI_HEADER : TUI_COMPUTE, number);
    x += c.time;
    if (c.time_bar)
        tui_bar(grid, rect, x + 1, 0, c.time_bar - 1, s->stage_s / longest, TUI_COMPUTE);
    x += c.time_bar;
    sc_format_bytes(s->plan->peak_bytes, number, sizeof number);
    tui_right(grid, rect, x, 0, c.memory, s->plan->peak_bytes > limit ? TUI_BAD : TUI_MEMORY, number);
    x += c.memory;
    if (c.memory_bar)
        draw_memory(grid, rect, x + 1, c.memory_bar - 2, &memory, limit);
    snprintf(number, sizeof number, "%.4g", sc_plan_stage_held(s));
    tui_right(grid, rect, x + c.memory_bar, 0, c.flight, TUI_PLAIN, number);
    sc_str_free(&text);
}

/* Over bars the cursor would invert what they say. */
static int cursor(struct tui_app *app, int width)
{
    const struct columns c = measure(width);
    (void)app;
    return c.number + c.layers + c.devices + c.mesh + c.time;
}

/* ---- a stage in words ---- */

static void put_time(const struct sc_plan *plan, const struct sc_plan_stage *s, struct sc_str *out)
{
    const struct sc_transfer *t = &s->transfer;
    double transfers = t->in_forward_s + t->in_backward_s + t->out_forward_s + t->out_backward_s;
    char stage[32], passing[32], once[32];
    sc_format_seconds(s->stage_s, stage, sizeof stage);
    sc_format_seconds(transfers, passing, sizeof passing);
    sc_format_seconds(s->once_s, once, sizeof once);
    sc_str_addf(out, "It takes %s a microbatch", stage);
    if (transfers > 0)
        sc_str_addf(out, ", %s of it to pass tensors", passing);
    if (s->once_s > 0)
        sc_str_addf(out, "%s its share of %s once an iteration", transfers > 0 ? " and" : ", with", once);
    if (plan->stage_count > 1 && s->stage_s >= longest_stage(plan))
        sc_str_add(out, "; as the longest stage it sets the pace");
    sc_str_add(out, ".\n");
}

static void put_memory(const struct sc_plan_stage *s, struct sc_str *out)
{
    struct sc_memory memory = sc_plan_stage_memory(s);
    char bytes[32], limit[32], glyph[5];
    sc_format_bytes(s->plan->peak_bytes, bytes, sizeof bytes);
    sc_format_bytes(s->plan->costs->memory_bytes, limit, sizeof limit);
    sc_str_addf(out, "Memory %s of %s:", bytes, limit);
    for (size_t i = 0; i < SC_LEN(parts); i++) {
        double value = part_bytes(&memory, i);
        if (value <= 0)
            continue;
        tui_utf8_put(parts[i].glyph, glyph);
        sc_format_bytes(value, bytes, sizeof bytes);
        sc_str_addf(out, " %s %s %s", glyph, parts[i].name, bytes);
        if (parts[i].offset == offsetof(struct sc_memory, activations))
            sc_str_addf(out, " (%.4g in flight)", sc_plan_stage_held(s));
    }
    sc_str_add(out, ".\n");
}

static void put_stage(const struct sc_plan *plan, int index, struct sc_str *out)
{
    const struct sc_plan_stage *s = &plan->stages[index];
    int layers = s->last_layer - s->first_layer + 1;
    sc_str_addf(out, "Stage %d: ", index);
    put_layers(plan, s, " to ", out);
    sc_str_addf(out, ", %d layer%s on %d\xc3\x97%d devices as ", layers, layers == 1 ? "" : "s", s->hosts, s->devices);
    put_mesh(s, out);
    sc_str_add(out, ". ");
    put_time(plan, s, out);
    put_memory(s, out);
    if (index)
        tui_describe_transfer(plan, index, out);
    if (plan->stage_count == 1)
        sc_str_add(out, "The whole model is one stage: choose below where another one begins, or let A choose.\n");
}

/* Rows that it takes; grid NULL only counts. */
static int draw_words(const struct sc_plan *plan, int index, struct tui_grid *grid, struct tui_rect rect)
{
    struct sc_str text = {0};
    int y = 0;
    put_stage(plan, index, &text);
    for (const char *line = sc_str_text(&text); *line;) {
        struct tui_rect part = {rect.x, rect.y + y, rect.width, rect.height - y};
        size_t length = strcspn(line, "\n");
        y += tui_paragraph(grid, part, 0, TUI_PLAIN, line, length);
        line += length + (line[length] == '\n');
    }
    sc_str_free(&text);
    return y;
}

/* ---- the view ---- */

static void render_beside(struct tui_app *app, const struct sc_plan *plan, struct tui_grid *grid, struct tui_rect rect)
{
    int rows = draw_words(plan, app->stage_list.cursor, NULL, rect), most = rect.height - 9;
    if (app->pane == TUI_PANE_BESIDE) /* the pane in use has the room */
        most = rect.height - 20;
    rows = rows < most ? rows : most > 0 ? most : 0;
    struct tui_rect words = {rect.x, rect.y, rect.width, rows};
    if (rows)
        draw_words(plan, app->stage_list.cursor, grid, words);
    rect.y += rows;
    rect.height -= rows;
    if (rows) {
        tui_fill(grid, rect, 0, 0x2500, TUI_BORDER);
        rect.y++;
        rect.height--;
    }
    tui_positions_view.render(app, grid, rect);
}

static void render(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    struct tui_rect above = rect, below = rect;
    if (!plan) {
        draw_head(app, grid, rect);
        above.y += 2;
        above.x += 2;
        above.width -= 2;
        if (!tui_render_conflict(app, grid, above))
            tui_text(grid, above, 0, 0, TUI_DIM, app->solving ? "solving\xe2\x80\xa6" : "there is no plan yet");
        return;
    }
    if (app->stage_list.cursor >= plan->stage_count)
        tui_list_move(&app->stage_list, 0);
    if (rect.height < 14) { /* room for one of the two */
        if (app->pane == TUI_PANE_BESIDE)
            tui_positions_view.render(app, grid, rect);
        else
            tui_list_render(app, &tui_stages_view, grid, rect, TUI_PANE_MAIN);
        return;
    }
    int most = app->pane == TUI_PANE_BESIDE ? rect.height / 3 : rect.height / 2, wanted = plan->stage_count + 2;
    above.height = wanted < most ? wanted : most;
    below.y += above.height + 1;
    below.height -= above.height + 1;
    tui_list_render(app, &tui_stages_view, grid, above, TUI_PANE_MAIN);
    tui_fill(grid, rect, above.height, 0x2500, TUI_BORDER);
    below.x += 1;
    below.width -= 2;
    render_beside(app, plan, grid, below);
}

static bool text(struct tui_app *app, int index, struct sc_str *out)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    if (!plan || index < 0 || index >= plan->stage_count)
        return false;
    put_stage(plan, index, out);
    return true;
}

/* To its first op in the graph. */
static void enter(struct tui_app *app)
{
    int stage = app->stage_list.cursor;
    app->view = TUI_VIEW_GRAPH;
    tui_select_stage(app, stage);
    if (!stage)
        app->list.cursor = 0;
}

static void write(struct tui_app *app, struct sc_str *out)
{
    const struct sc_plan *plan = tui_staged_plan(app);
    for (int i = 0; plan && i < plan->stage_count; i++) {
        sc_str_add(out, "\n");
        put_stage(plan, i, out);
    }
}

const struct tui_view_ops tui_stages_view = {
    .name = "stages",
    .head = 2,
    .list = list,
    .count = count,
    .update = tui_positions_update,
    .draw_head = draw_head,
    .draw_row = draw_row,
    .text = text,
    .enter = enter,
    .render = render,
    .cursor = cursor,
    .write = write,
};
