/*
 * config.h
 *	  The file of configurations: which indexes, with which settings.
 *
 * A line for each configuration, fields separated by tabs:
 *
 *	 servers ("all", or a name)  label  index definition or -  settings or -
 *
 * The index definition is what follows CREATE INDEX ON items, OPS stands for the
 * operator class of the set's type and metric, ATTRS for columns that the
 * experiment filter has beside the vector; settings are SQL statements.  A
 * list {a,b,c} in the settings makes a line of each value, which is added to the
 * label: a curve; two lists make a line of each pair.  The label begins with a name of the index, which ends at a
 * comma; figures of one name are points of one curve.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "server.h"

typedef struct Config
{
	char *servers;
	char *label;
	char *definition; /* "-": no index */
	char *settings;   /* "-": none */
} Config;

/* All lines of a file; *n = how many */
extern Config *config_read(const char *path, size_t *n);

extern bool config_concerns(const Config *config, const Server *server);

/* Is it the first line of its index that concerns the server? */
extern bool config_begins_index(const Config *configs, size_t c,
								const Server *server);

/* The name of the index, to be freed */
extern char *config_index(const Config *config);

/* CREATE INDEX items_index, to be freed; attributes, or NULL, stand for ATTRS */
extern char *config_create_index(const Config *config, const Dataset *set,
								 const char *attributes);

#endif
