/*
 * ref_hnswlib.cpp
 *	  In-process reference from Debian's hnswlib, one thread.
 *
 *	  ref_hnswlib FILE      a set as ref_faiss.py --dump writes it
 *
 * Prints rows as JSON, queries one by one, as a server gets them.
 */
#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace
{

constexpr double tie = 1e-6;
enum Metric
{
	l2,
	cosine,
	ip
};

struct Set
{
	std::size_t n, dim, nqueries, k;
	Metric metric;
	std::vector<float> base, queries, kth;
};

void
read_floats(std::FILE *file, std::vector<float> &values, std::size_t n)
{
	values.resize(n);
	if (std::fread(values.data(), sizeof(float), n, file) != n)
		std::exit(1);
}

Set
read_set(const char *path)
{
	std::FILE *file = std::fopen(path, "rb");
	std::int64_t head[5];
	Set set;

	if (file == nullptr || std::fread(head, sizeof(head), 1, file) != 1)
		std::exit(1);
	set.n = head[0];
	set.dim = head[1];
	set.nqueries = head[2];
	set.k = head[3];
	set.metric = static_cast<Metric>(head[4]);
	read_floats(file, set.base, set.n * set.dim);
	read_floats(file, set.queries, set.nqueries * set.dim);
	read_floats(file, set.kth, set.nqueries);
	std::fclose(file);
	return set;
}

double
distance(const Set &set, const float *a, const float *b)
{
	double ab = 0, aa = 0, bb = 0, sqdist = 0;

	for (std::size_t i = 0; i < set.dim; i++)
	{
		ab += double(a[i]) * b[i];
		aa += double(a[i]) * a[i];
		bb += double(b[i]) * b[i];
		sqdist += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
	}
	return set.metric == l2 ? std::sqrt(sqdist)
		: set.metric == ip  ? -ab
							: 1 - ab / std::sqrt(aa * bb);
}

std::vector<float>
unit(const Set &set, std::vector<float> rows)
{
	for (std::size_t i = 0; i < rows.size() && set.metric == cosine;
		 i += set.dim)
	{
		double norm = 0;

		for (std::size_t j = 0; j < set.dim; j++)
			norm += double(rows[i + j]) * rows[i + j];
		for (std::size_t j = 0; j < set.dim && norm > 0; j++)
			rows[i + j] = float(rows[i + j] / std::sqrt(norm));
	}
	return rows;
}

double
now()
{
	return std::chrono::duration<double>(
			   std::chrono::steady_clock::now().time_since_epoch())
		.count();
}

} // namespace

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 1;
	Set set = read_set(argv[1]);
	auto stored = unit(set, set.base);
	auto sent = unit(set, set.queries);
	std::unique_ptr<hnswlib::SpaceInterface<float>> space;

	if (set.metric == l2)
		space = std::make_unique<hnswlib::L2Space>(set.dim);
	else
		space = std::make_unique<hnswlib::InnerProductSpace>(set.dim);
	hnswlib::HierarchicalNSW<float> index(space.get(), set.n, 16, 64);
	double start = now();
	for (std::size_t i = 0; i < set.n; i++)
		index.addPoint(&stored[i * set.dim], i);
	double build = now() - start;

	std::printf("[");
	const char *separator = "";
	for (std::size_t ef : {20, 40, 60, 100, 150, 200, 300, 400, 800})
	{
		std::size_t right = 0;
		std::vector<double> rounds;

		index.setEf(ef);
		for (int round = 0; round < 3; round++)
		{
			right = 0;
			double seconds = 0;
			for (std::size_t q = 0; q < set.nqueries; q++)
			{
				double before = now();
				auto found = index.searchKnn(&sent[q * set.dim], set.k);
				seconds += now() - before;
				for (; !found.empty(); found.pop())
					right +=
						distance(set, &set.queries[q * set.dim],
								 &set.base[found.top().second * set.dim]) <=
						set.kth[q] + tie;
			}
			rounds.push_back(seconds);
		}
		std::sort(rounds.begin(), rounds.end());
		std::printf("%s\n {\"experiment\": \"reference\", \"library\": "
					"\"hnswlib\", \"config\": \"M 16, ef_construction 64, ef "
					"%zu\", \"k\": %zu, \"recall\": %.4f, \"qps\": %.0f, "
					"\"build_s\": %.2f}",
					separator, ef, set.k,
					double(right) / double(set.nqueries * set.k),
					double(set.nqueries) / rounds[1], build);
		separator = ",";
	}
	std::printf("\n]\n");
	return 0;
}
