/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The picker: samples to begin with, and how large the one under the cursor is.
 */
#include <stdio.h>
#include <string.h>

#include "import/import.h"
#include "ui/app.h"

struct tui_picker {
    struct sc_import_samples samples;
    int described; /* a sample; -1: none */
    char description[256];
};

/* Found once, when the picker is first shown. */
static struct tui_picker *picker(struct tui_app *app)
{
    struct sc_error err = {0};
    if (app->picker)
        return app->picker;
    app->picker = sc_alloc(sizeof *app->picker);
    if (!app->picker)
        return NULL;
    app->picker->described = -1;
    if (sc_import_samples_find("models", &app->picker->samples, &err) != SC_OK)
        tui_say(app, TUI_BAD, "%s", err.message);
    for (int i = 0; i < app->picker->samples.count; i++)
        if (strcmp(app->picker->samples.at[i].name, SC_DEFAULT_MODEL) == 0)
            app->picker_list.cursor = i;
    return app->picker;
}

void tui_picker_free(struct tui_picker *it)
{
    if (it)
        sc_import_samples_free(&it->samples);
    sc_free(it);
}

/* "350 M parameters, 24 layers, 1142 ops; fp16, batch 1024 in 64 microbatches" */
static void describe(const struct sc_graph *graph, char *out, size_t size)
{
    char parameters[32];
    sc_format_count((double)graph->parameters, parameters, sizeof parameters);
    snprintf(out, size, "%s parameters, %d layers, %d ops; batch %lld in %lld microbatch%s", parameters,
             graph->layer_count, graph->op_count, (long long)(graph->batch * graph->microbatches),
             (long long)graph->microbatches, graph->microbatches == 1 ? "" : "es");
}

static void update(struct tui_app *app)
{
    struct tui_picker *it = picker(app);
    int index = app->picker_list.cursor;
    struct sc_settings settings;
    struct sc_graph *graph = NULL;
    struct sc_cluster *cluster = NULL;
    if (!it || it->described == index || index >= it->samples.count)
        return;
    it->described = index;
    it->description[0] = '\0';
    sc_settings_init(&settings);
    if (sc_settings_set_model(&settings, it->samples.at[index].path) &&
        sc_planner_load(app->planner, &settings, &graph, &cluster, NULL) == SC_OK)
        describe(graph, it->description, sizeof it->description);
    sc_settings_free(&settings);
    sc_graph_free(graph);
    sc_cluster_free(cluster);
}

static struct tui_list *list(struct tui_app *app)
{
    picker(app);
    return &app->picker_list;
}

static int count(struct tui_app *app, int width)
{
    const struct tui_picker *it = picker(app);
    (void)width;
    return it ? it->samples.count : 0;
}

static void draw_head(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect)
{
    (void)app;
    int x = tui_text(grid, rect, 1, 0, TUI_TITLE, "choose a model");
    tui_text(grid, rect, x + 2, 0, TUI_DIM, "Enter opens it; :open FILE opens one of your own");
}

static void draw_row(struct tui_app *app, struct tui_grid *grid, struct tui_rect rect, int index)
{
    const struct sc_import_sample *sample = &picker(app)->samples.at[index];
    tui_text(grid, rect, 2, 0, TUI_HEADER, sample->name);
    tui_text(grid, rect, 24, 0, TUI_DIM, sample->about);
}

static bool text(struct tui_app *app, int index, struct sc_str *out)
{
    const struct tui_picker *it = picker(app);
    if (!it || index < 0 || index >= it->samples.count)
        return false;
    sc_str_addf(out, "%s: ", it->samples.at[index].name);
    if (it->described == index && it->description[0])
        sc_str_addf(out, "%s. ", it->description);
    sc_str_addf(out, "%s", it->samples.at[index].about);
    return true;
}

static void enter(struct tui_app *app)
{
    const struct tui_picker *it = picker(app);
    if (it && app->picker_list.cursor < it->samples.count)
        tui_open(app, it->samples.at[app->picker_list.cursor].path);
}

const struct tui_view_ops tui_picker_view = {
    .name = "models",
    .head = 2,
    .detail = true,
    .list = list,
    .count = count,
    .update = update,
    .draw_head = draw_head,
    .draw_row = draw_row,
    .text = text,
    .enter = enter,
};
