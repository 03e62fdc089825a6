# PostgreSQL with vector_ext, also under the name "vector".
#
#	docker build --build-arg PG_MAJOR=17 -t vector_ext .
#	docker run -e POSTGRES_PASSWORD=... vector_ext

ARG PG_MAJOR=15
FROM postgres:$PG_MAJOR AS build
ARG PG_MAJOR
RUN apt-get update && \
	apt-get install -y --no-install-recommends gcc libc6-dev make postgresql-server-dev-$PG_MAJOR
COPY . /src
WORKDIR /src
RUN make clean && make -j"$(nproc)" && make install-alias DESTDIR=/dest

FROM postgres:$PG_MAJOR
RUN apt-get update && \
	apt-get install -y --no-install-recommends libopenblas0-pthread && \
	rm -rf /var/lib/apt/lists/*
COPY --from=build /dest /
