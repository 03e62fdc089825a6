/*
 * config.c
 *	  The file of configurations.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define MAX_CONFIGS 200

static char *
next_field(char **rest)
{
	char *field = strsep(rest, "\t");

	return strdup(field != NULL ? field : "-");
}

Config *
config_read(const char *path, size_t *n)
{
	FILE *file = fopen(path, "r");
	Config *configs = calloc(MAX_CONFIGS, sizeof(Config));
	char *line = NULL;
	size_t capacity = 0;

	*n = 0;
	if (file == NULL)
		die("%s could not be read", path);
	while (getline(&line, &capacity, file) > 0)
	{
		char *rest = line;
		Config config;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		config.servers = next_field(&rest);
		config.label = next_field(&rest);
		config.definition = next_field(&rest);
		config.settings = next_field(&rest);
		if (*n == MAX_CONFIGS)
			die("%s has more than %d lines", path, MAX_CONFIGS);
		configs[(*n)++] = config;
	}
	free(line);
	fclose(file);
	return configs;
}

bool
config_concerns(const Config *config, const Server *server)
{
	return strcmp(config->servers, "all") == 0 ||
		strcmp(config->servers, server->name) == 0;
}

char *
config_create_index(const Config *config, const Dataset *set)
{
	const char *definition = config->definition;
	const char *mark = strstr(definition, "OPS");
	size_t size = strlen(definition) + 100;
	char *result = malloc(size);

	if (mark == NULL)
		snprintf(result, size, "CREATE INDEX items_index ON items %s",
				 definition);
	else
		snprintf(result, size,
				 "CREATE INDEX items_index ON items %.*svector_%s_ops%s",
				 (int) (mark - definition), definition,
				 metric_name(set->metric), mark + 3);
	return result;
}
