# memnet from R: scores by a server that `memnet serve` runs. Needs the package httr2 and nothing else.
#
#   source("memnet.R")
#   scores <- memnet_score("photographs")                       # a data frame, a row per picture and model
#   result <- memnet_compare("people.csv", scores, truth_column = "hit_rate", out = "report.html")
#
# `url` is the server's address, `key` its key where it wants one; the environment variables MEMNET_URL
# and MEMNET_API_KEY stand for them.

memnet_score <- function(pictures, models = NULL, url = memnet_url(), key = Sys.getenv("MEMNET_API_KEY")) {
  # Scores pictures (files, or folders of them). The columns are those of `memnet score`: image_id, path,
  # model, variant, score, raw, n_crops, clamped, width, height, mode, warning. A picture that cannot be
  # scored keeps its row, with the reason in `warning`. `models`: labels; NULL: all of the server's.
  about <- memnet_json(memnet_request(url, "/v1/models", key))
  labels <- if (is.null(models)) vapply(about$models, function(model) model$label, "") else models
  if (length(pictures) == 0) return(memnet_nothing())
  files <- memnet_files(pictures)
  tables <- list()
  while (nrow(files) > 0) {
    some <- memnet_next(files, about$limits)
    files <- files[-seq_len(nrow(some)), , drop = FALSE]
    sent <- which(some$failed == "")
    answers <- vector("list", nrow(some))
    if (length(sent) > 0) {
      request <- memnet_request(url, "/v1/scores", key)
      request <- httr2::req_url_query(request, !!!stats::setNames(as.list(models), rep("model", length(models))))
      # The server is told no names: the order says which is which.
      parts <- Map(function(path, size) curl::form_data(readBin(path, "raw", size), "application/octet-stream"),
                   some$path[sent], some$size[sent])
      request <- httr2::req_body_multipart(request, !!!stats::setNames(parts, rep("files", length(parts))))
      answers[sent] <- memnet_json(request)$pictures
    }
    rows <- Map(function(i, answer) memnet_rows(some[i, ], labels, answer), seq_len(nrow(some)), answers)
    tables[[length(tables) + 1]] <- do.call(rbind, rows)
  }
  do.call(rbind, tables)
}

memnet_compare <- function(truth, scores, truth_column, id_column = "", match = "exact", dataset = "", target = "", out = NULL,
                           url = memnet_url(), key = Sys.getenv("MEMNET_API_KEY")) {
  # Compares scores with human scores, as `memnet compare` does. `truth`: a CSV file in UTF-8, or a data
  # frame; `scores`: of memnet_score(), or any data frame with image_id, model and score. Returns a list of
  # answer, matched, notes and url; `out` names a file for the report, a web page.
  if (is.data.frame(truth)) {
    lines <- character()
    connection <- textConnection("lines", "w", local = TRUE, encoding = "UTF-8")
    utils::write.csv(truth, connection, row.names = FALSE, na = "")
    close(connection)
  } else {
    lines <- readLines(truth, encoding = "UTF-8", warn = FALSE)
  }
  variant <- if (is.null(scores$variant)) "" else scores$variant
  model <- paste0(scores$model, ifelse(variant == "", "", ":"), variant)
  rows <- Map(function(id, model, score) {
    list(image_id = id, model = model, score = if (is.finite(score)) score else NA)
  }, as.character(scores$image_id), model, scores$score, USE.NAMES = FALSE)
  body <- list(truth = paste(lines, collapse = "\n"), truth_column = truth_column, id_column = id_column,
               match = match, dataset = dataset, target = target, rows = rows)
  request <- httr2::req_body_json(memnet_request(url, "/v1/comparisons", key), body, digits = 17)
  result <- memnet_json(request)
  result$notes <- unlist(result$notes)
  if (!is.null(out)) {
    page <- httr2::resp_body_raw(memnet_perform(memnet_request(url, result$url, key)))
    writeBin(page, out)
  }
  result$url <- paste0(url, result$url)
  result
}

memnet_url <- function() Sys.getenv("MEMNET_URL", "http://127.0.0.1:8400")

memnet_request <- function(url, path, key) {
  request <- httr2::req_timeout(httr2::request(paste0(sub("/+$", "", url), path)), 600)
  if (!is.null(key) && nzchar(key)) request <- httr2::req_auth_bearer_token(request, key)
  request
}

memnet_perform <- function(request, patience = 300) {
  # A busy server (503) says when to ask again; any other error is one sentence.
  request <- httr2::req_error(request, is_error = function(response) FALSE)
  until <- Sys.time() + patience
  repeat {
    response <- tryCatch(httr2::req_perform(request), error = function(error) {
      stop("The server cannot be reached; does `memnet serve` run at ", sub("/v1/.*", "", request$url), "?", call. = FALSE)
    })
    status <- httr2::resp_status(response)
    if (status < 300) return(response)
    wait <- suppressWarnings(as.numeric(httr2::resp_header(response, "Retry-After")))
    wait <- if (length(wait) == 1 && !is.na(wait)) min(max(wait, 0.1), 60) else 2
    if (status != 503 || Sys.time() + wait > until) {
      problem <- tryCatch(httr2::resp_body_json(response, check_type = FALSE), error = function(error) NULL)
      detail <- if (is.list(problem)) problem$detail
      stop(if (is.character(detail)) detail else paste("The server answered with the error", status), call. = FALSE)
    }
    Sys.sleep(wait)
  }
}

memnet_json <- function(request) httr2::resp_body_json(memnet_perform(request))

memnet_files <- function(pictures) {
  # Files as they are, folders with all pictures in them: id, path, size, why a file cannot be sent.
  kinds <- "\\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|bmp)$"
  found <- lapply(pictures, function(picture) {
    if (!dir.exists(picture)) return(data.frame(image_id = basename(picture), path = picture))
    inside <- sort(list.files(picture, kinds, recursive = TRUE, ignore.case = TRUE), method = "radix")
    if (length(inside) == 0) stop("There is no picture in ", picture, ".", call. = FALSE)
    data.frame(image_id = inside, path = file.path(picture, inside))
  })
  files <- do.call(rbind, found)
  files$size <- file.size(files$path)
  files$failed <- ifelse(is.na(files$size), "There is no such file.", "")
  files
}

memnet_next <- function(files, limits, most = 16) {
  # What one request takes of the files that are left.
  long <- which(files$failed == "" & files$size > limits$bytes_per_file)
  files$failed[long] <- sprintf("The picture has %s bytes; the server takes %s.",
                                format(files$size[long], big.mark = ","), format(limits$bytes_per_file, big.mark = ","))
  sizes <- ifelse(files$failed == "", files$size, 0) + 1000
  files[seq_len(max(1, min(sum(cumsum(sizes) <= limits$bytes), most, limits$files, nrow(files)))), ]
}

memnet_nothing <- function() {
  # The table of no pictures.
  data.frame(image_id = character(), path = character(), model = character(), variant = character(), score = numeric(),
             raw = numeric(), n_crops = integer(), clamped = logical(), width = integer(), height = integer(),
             mode = character(), warning = character())
}

memnet_rows <- function(file, labels, answer) {
  given <- function(value, missing) if (is.null(value)) missing else value
  failed <- if (file$failed != "") file$failed else given(answer$failed, "the server gave no score")
  scores <- stats::setNames(as.list(answer$scores), vapply(answer$scores, function(score) score$model, ""))
  warning <- paste(vapply(answer$warnings, function(each) each$sentence, ""), collapse = " ")
  do.call(rbind, lapply(unique(labels), function(label) {
    score <- scores[[label]]
    known <- !is.null(score)
    data.frame(
      image_id = file$image_id, path = file$path, model = sub(":.*", "", label),
      variant = if (grepl(":", label)) sub("^[^:]*:", "", label) else "",
      score = given(score$score, NA_real_), raw = given(score$raw, NA_real_),
      n_crops = given(score$n_crops, NA_integer_), clamped = given(score$clamped, NA),
      width = if (known) answer$width else NA_integer_, height = if (known) answer$height else NA_integer_,
      mode = if (known) answer$mode else "", warning = if (known) warning else paste("failed:", failed)
    )
  }))
}
