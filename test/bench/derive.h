/*
 * derive.h
 *	  Sets made of a set.
 *
 * A word is one of
 *
 *	 vector, halfvec, bit	the type of the column; bit: is an element above 0
 *	 l2, cosine, ip, l1, hamming, jaccard		the metric
 *	 N						so many rows: a random sample or, where the set has
 *							fewer, enlarged by interpolation of neighbours
 *	 Nz						a sparse row keeps its N greatest elements
 *	 Nd						so many dimensions: the first N, or all and then
 *							products of pairs of them
 *
 * All is the same on each machine: random numbers come from row numbers.
 */
#ifndef DERIVE_H
#define DERIVE_H

#include "dataset.h"

/* Change the set as the word says; answers are not computed */
extern void dataset_derive(Dataset *set, const char *word);

/*
 * The rows of the set and then new ones, total in all.  A new row lies on the
 * line between a row, taken at random, and one of its ten nearest in its cell;
 * cells are those of sqrt(n) rows taken at random, and of a great cell a
 * thousand rows are looked at.  Of bit strings each bit comes from one of the
 * two.  A new sparse row is another, stretched.
 */
extern Rows rows_enlarge(const Dataset *set, size_t total);

/* Rows in another order, or some of them */
extern Rows rows_pick(const Dataset *set, const Rows *rows, const size_t *order,
					  size_t n);

/* A permutation of 0 .. n - 1 */
extern size_t *random_order(size_t n, uint64_t seed);

/* 64 random bits of a number */
extern uint64_t scramble(uint64_t x);

#endif
