// A driver that polls: one job after the other, 10 s of rest when there is
// none. Prints a line for each job; never ends.
async function processJobs() {
	while (true) {
		try {
			const response = await fetch("/api/jobs/process", {
				method: "POST",
				headers: {
					"Authorization":
						`Bearer ${process.env.JOB_PROCESSOR_TOKEN}`,
				},
			});
			const result = await response.json();

			if (result.hasJob)
				console.log(`${result.jobType} ${result.jobId} ` +
					(result.error ?? "done"));
			else
				await new Promise(resolve => setTimeout(resolve, 10000));
		} catch (error) {
			console.error("Error processing jobs:", error);
			await new Promise(resolve => setTimeout(resolve, 10000));
		}
	}
}

processJobs();
