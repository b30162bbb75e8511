"""More labelled pairs, found while looking for what the rules get wrong; the format is that of ``meaning_cases``."""

# fmt: off

NEAR_MISSES = """
same      0.94  User is not vegetarian. << User is no longer vegetarian.
same      0.97  User has moved to Berlin. << User moved to Berlin.
same      1.00  User works at Bosch as an engineer. << User works as an engineer at Bosch.
same      0.95  The user's wife is called Marta. << User's wife's name is Marta.
same      0.90  User can't stand loud restaurants. << User hates loud restaurants.
replaces  0.58  User relocated from Munich to Zurich in August 2026 after accepting a role at Google. << User lives in Munich with their partner.
replaces  0.93  User's birthday is on 4 May. << User's birthday is on 3 May.
replaces  0.93  User weighs 78 kg. << User weighs 82 kg.
replaces  0.94  User's weight is 78 kg. << User's weight is 82 kg.
replaces  0.84  User now earns 60,000 a year. << User earns 52,000 a year.
replaces  0.91  User no longer lives in Porto. << User lives in Porto.
replaces  0.76  User does not work at Bosch anymore. << User works at Bosch as an engineer.
replaces  0.80  User left Berlin. << User lives in Berlin.
replaces  0.40  User and their wife moved to Berlin. << User lives in Porto.
replaces  0.74  User has decided to become vegan and has given up cheese. << User eats cheese.
replaces  0.46  As of November 2026, User lives in Oslo. << User lives in Porto.
replaces  0.56  User recently changed jobs and now works at Siemens as a product manager. << User works at Bosch.
replaces  0.87  User's new email is ana@new.example. << User's email is ana@old.example.
replaces  0.58  User's new boss is Tom. << User's boss is Maria.
replaces  0.73  User divorced. << User is married.
replaces  0.74  User has switched from Vim to VS Code. << User uses Vim.
replaces  0.79  User has switched from coffee to tea. << User drinks coffee.
replaces  0.85  User no longer owns a car. << User owns a car.
replaces  0.96  User's flat is on the 3 floor. << User's flat is on the 2 floor.
replaces! 0.89  User's meeting with Lea takes place on Thursday. << User has a meeting with Lea on Monday.
neither   0.35  User lives in Zurich. << User is a 34-year-old nurse living in Boston who enjoys cooking.
neither   0.37  User works from home on Mondays. << User works at Siemens.
neither   0.30  User's favorite coffee shop is in Berlin. << User lives in Porto.
neither   0.54  User's daughter turned 5. << User is 34 years old.
neither   0.51  User is reading Dune. << User is reading Emma.
neither   0.51  User's car is in the garage. << User drives a VW Golf.
neither   0.43  User rented a Tesla for the weekend. << User drives a VW Golf.
neither   0.53  User is staying in Paris this week. << User lives in Porto.
neither   0.45  User is in London until Friday. << User lives in Porto.
neither   0.49  User works at the office on Tuesdays. << User works at Siemens.
neither   0.71  User is now learning Spanish. << User is learning French.
neither   0.69  User now has a cat. << User has a dog.
neither   0.89  User's second meeting with Lea is on Friday. << User's meeting with Lea is on Monday.
neither   0.56  User's birthday is on 3 May. << User's wedding is on 4 July.
neither   0.96  User ate 2 apples. << User ate 3 apples.
neither   0.25  User has 2 meetings with Lea on Monday. << User has 3 cats.
neither   0.71  User doesn't like driving at night. << User likes driving.
neither   0.71  User likes driving. << User doesn't like driving at night.
neither   0.67  User does not eat meat. << User eats fish.
neither   0.48  User is not a morning person. << User is a nurse.
neither   0.37  User is not sure whether to move to Berlin. << User lives in Porto.
neither   0.83  User's son no longer lives in Porto. << User lives in Porto.
neither   0.34  User left Berlin. << User lives in Porto.
neither   0.24  User left the party early. << User works at Bosch.
neither   0.21  User lost their wallet. << User works at Bosch.
neither   0.64  User's team moved to Thursday standups. << User's standup is on Monday.
neither   0.29  User moved the couch to the living room. << User lives in Porto.
neither   0.34  User moved to a new team. << User lives in Porto.
neither   0.37  User moved to the marketing department. << User lives in Porto.
neither   0.23  User moved to React from Vue. << User lives in Porto.
neither   0.31  User joined a gym. << User works at Bosch.
neither   0.30  User joined a book club. << User works at Bosch.
neither   0.22  User joined the Green Party. << User works at Bosch.
neither   0.51  User is a mother of two. << User is a teacher.
neither   0.42  User is engaged in local politics. << User is married.
neither   0.39  User is single-handedly renovating the house. << User is married.
neither   0.61  User is dating apps developer. << User is married.
neither   0.45  User works at night. << User works at Bosch.
neither   0.42  User works with Python. << User works at Bosch.
neither   0.44  User works for three hours each morning. << User works at Bosch.
neither   0.45  User is called often by recruiters. << User's name is Ana.
neither   0.53  User's name is often misspelled. << User's name is Ana.
neither   0.64  User's phone is broken. << User's phone is a Pixel 8.
neither   0.63  User's car is red. << User's car is a VW Golf.
neither   0.67  User's car is expensive. << User's car is red.
neither   0.64  User's phone number is private. << User's phone number is +49 30 1234567.
neither   0.58  User's rent is due on Friday. << User's rent is 1,200 EUR.
neither   0.67  User's budget is tight. << User's budget is 5,000 EUR.
neither   0.91  User's flight on Friday is at 18:30. << User's flight on Monday is at 17:10.
neither   0.93  User wakes up at 9:00 on Sundays. << User wakes up at 6:30 on weekdays.
neither   0.50  The user asked to give short answers to emails. << The user asked to give detailed answers about code.
neither   0.40  The user asked to use tables for comparisons. << The user asked to use bullet points.
neither   0.58  The user asked to write the report in French. << The user asked to answer in English.
neither   0.62  The user asked to translate the letter to German. << The user asked to answer in English.
neither   0.31  The user asked to always give code examples in Python. << The user asked to answer in English.
neither   0.59  User's boss is annoying. << User's boss is Maria.
neither   0.55  User's wife is pregnant. << User's wife is Carla.
neither   0.65  User's dog is called back easily. << User's dog is called Rex.
neither   0.67  User eats vegan on Mondays. << User is vegetarian.
neither   0.45  User's company is based in Berlin. << User is based in Porto.
neither   0.52  User bought a new phone case. << User's phone is a Pixel 8.
neither   0.40  User has a new car seat. << User drives a VW Golf.
neither   0.90  User likes tea and coffee. << User likes tea.
neither   0.88  User likes tea with milk and dislikes coffee. << User likes tea and coffee.
neither   0.51  User has lived in Berlin. << User lives in Porto.
neither   0.45  User lived in Berlin for 3 years. << User lives in Porto.
neither   0.66  User met Jan. << User met Jane.
neither   0.64  Jan lives in Rome. << Jane lives in Rome.
neither   0.69  User likes C. << User likes C++.
neither   1.00  User likes 🍕. << User likes 🍣.
neither   0.68  User's brother is named Max. << User's brother is named Paul.
neither   0.46  User plans to quit their job. << User works at Bosch.
neither   0.43  User hopes to be promoted to manager. << User works as a developer.
neither   0.29  If User moves to Berlin, they will sell the car. << User lives in Porto.
neither   0.46  User's previous employer was IBM. << User works at Bosch.
neither   0.61  User was a nurse. << User is a teacher.
neither   0.61  User was married. << User is single.
neither   0.70  User's parents live in Porto. << User lives in Lisbon.
neither   0.50  User and their wife moved to Berlin. << User's wife lives in Porto.
neither   0.84  User sold their car. << User owns a car.
neither   0.91  User is a fan of Formula 2. << User is a fan of Formula 1.
neither   0.64  User's appointment is on Monday. << User's appointment is with Dr Lee.
neither!  0.97  User has a meeting with Lea on Thursday. << User has a meeting with Lea on Monday.
neither!  0.60  User likes jazz. << User likes rock.
neither!  0.31  User went to the cinema. << User lives in Porto.
"""  # noqa: E501
"""Statements that look as if they filled a slot, and changes in other words."""

PHRASINGS = """
same      0.97  The user has a golden retriever named Biscuit. << User has a golden retriever called Biscuit.
same      0.82  User prefers concise answers. << The user prefers concise responses.
same      0.95  User's partner's name is Alex. << User's partner is called Alex.
same      0.94  User likes to hike on weekends. << User enjoys hiking on weekends.
same      0.87  User mentioned that they work as a data analyst at Deloitte. << User is a data analyst at Deloitte.
same      0.94  User said they have been learning Japanese for two years. << User has been learning Japanese for 2 years.
same      0.99  User is allergic to cats << User is allergic to cats.
same      0.99  User is not a smoker. << User isn't a smoker.
replaces  0.53  User has accepted an offer from Stripe and will leave Google; they now work at Stripe as a staff engineer. << User works at Google as a senior engineer.
replaces  0.79  User mentioned their new address is 12 Oak Lane, Dublin. << User's address is 4 Elm Street, Dublin.
replaces  0.87  User said that they are no longer married to Jonas. << User is married to Jonas.
replaces  0.85  User's preferred language for answers is English. << User's preferred language for answers is German.
replaces  0.97  User prefers TypeScript over JavaScript now. << User prefers JavaScript over TypeScript.
replaces  0.90  User prefers responses to be detailed. << User prefers responses to be concise.
replaces  0.82  The assistant should answer in French. << The assistant should answer in English.
replaces  0.85  User wants the assistant to be brief. << User wants the assistant to give detailed explanations.
replaces  0.96  User's trip to Japan is now scheduled for October 2026. << User's trip to Japan is scheduled for April 2026.
replaces  0.96  User's marathon goal time is 3:30. << User's marathon goal time is 3:45.
replaces  0.83  The deadline for the thesis was extended to 15 July. << The deadline for the thesis is 1 June.
replaces  0.48  User is now in a relationship with Sam. << User is single.
replaces  0.77  User is lactose intolerant no longer and drinks milk. << User does not drink milk.
replaces  0.64  User is currently living in Oslo after leaving Bergen in May 2026. << User lives in Bergen with two flatmates.
replaces  0.88  User's monthly budget for groceries has been raised to 450 EUR. << User's monthly budget for groceries is 400 EUR.
replaces  0.85  User decided not to buy a house. << User decided to buy a house.
replaces  0.65  Ana moved to Rome. << Ana lives in Porto.
replaces  0.56  User's sister moved to Rome. << User's sister lives in Porto.
replaces  0.84  User likes tea, not coffee. << User likes coffee.
replaces  0.73  User adopted a vegan diet. << User is vegetarian.
replaces  0.58  User's employer is Siemens. << User works at Bosch.
replaces  0.56  User's name is now Ana Lima after the wedding. << User's name is Ana Souza.
neither   0.92  User has a golden retriever named Biscuit and a cat. << User has a golden retriever named Biscuit.
neither   0.47  User's mother is called Ana. << User is called Max.
neither   0.56  User's mother turned 60. << User is 34 years old.
neither   0.36  User runs a bakery in Ghent. << User lives in Lyon.
neither   0.45  User owns a flat in Madrid. << User lives in Lyon.
neither   0.38  User was promoted. << User works as a nurse.
neither   0.39  User applied for a job at Meta. << User works at Google.
neither   0.42  User had an interview at Meta. << User works at Google.
neither   0.26  User's project at Google is called Falcon. << User's name is Ana.
neither   0.37  User is working on a project called Falcon. << User is called Ana.
neither   0.50  User is going to be a father. << User is a teacher.
neither   0.54  User's team is based in Dublin. << User is based in Lyon.
neither   0.75  User prefers tea in the morning. << User prefers coffee after lunch.
neither   0.52  User prefers trains. << User prefers window seats.
neither   0.60  User prefers short walks. << User prefers long answers.
neither   0.18  User wants to use the metric system in the report. << User wants to be called Kim.
neither   0.41  User has 5 years of experience with Rust. << User has 10 years of experience with Python.
neither   0.87  User has 3 meetings today. << User has 2 meetings on Friday.
neither   0.85  User's train to Porto leaves at 9:00. << User's train to Lisbon leaves at 10:00.
neither   0.61  User's gym membership costs 30 EUR a month. << User's phone plan costs 20 EUR a month.
neither   0.76  User stopped by the bakery. << User likes the bakery.
neither   0.64  User quit the meeting early. << User likes meetings.
neither   0.42  User got a dog. << User is single.
neither   0.39  User is separated from their luggage. << User is married.
neither   0.45  User broke a leg. << User runs marathons.
neither   0.80  User doesn't know Ana. << User knows Ana's brother.
neither   0.69  User did not like the film. << User likes films.
neither   0.51  User does not drive to work. << User drives a VW Golf.
neither   0.40  User doesn't live with their parents. << User lives in Porto.
neither   0.69  User will turn 35 in May. << User is 34 years old.
neither   0.56  User is 180 cm tall. << User is 34 years old.
neither   0.93  User's son is 7 years old. << User's son is 5 years old.
neither   0.54  User said their sister quit smoking. << User smokes.
neither   0.75  User's doctor told them to stop drinking coffee. << User drinks coffee.
neither   0.64  User is trying to quit smoking. << User smokes.
neither   0.80  User wants to stop drinking coffee. << User drinks coffee.
neither   0.40  User may move to Berlin. << User lives in Porto.
neither   0.78  User considered becoming vegan. << User is vegetarian.
neither   0.75  User's dog no longer likes tea. << User likes tea.
neither   0.68  User thinks that Project Atlas was launched too early. << Project Atlas is in beta.
neither   0.76  The user asked whether to answer in German. << The user asked to answer in English.
neither   0.39  User asked to book a table. << User asked to answer in bullet points.
neither   0.64  User asked to send an email to Ana. << User asked to send an email to Ben.
neither   0.40  The user asked not to use tables. << The user asked to use bullet points.
neither   0.60  User was born in 1990. << User was born in Lisbon.
neither   0.62  User cancelled their gym membership. << User goes to the gym.
neither   0.51  User's best friend lives in Rome and works at Eni. << User lives in Porto and works at Galp.
neither   0.24  Ben moved to Rome. << Ana lives in Porto.
neither   0.41  User's home is near the station. << User lives in Porto.
neither   0.62  User commutes to Lisbon. << User lives in Porto.
neither   0.36  User works remotely for a company in Berlin. << User lives in Porto.
neither   0.67  User used to like coffee. << User likes tea.
neither   0.75  User likes coffee, not tea. << User likes coffee with milk.
neither   0.79  User does not like sweet tea. << User likes tea.
neither   0.79  User does not like tea with milk. << User likes tea.
neither   0.88  User dislikes tea without sugar. << User likes tea with sugar.
neither   0.86  User has 2 sons and a daughter. << User has 3 children.
"""  # noqa: E501
"""As language models put it."""

SECOND_LOOK = """
same      0.93  User's job is data engineer. << User works as a data engineer.
same      0.98  User drives an electric car. << User drives an electric automobile.
same      0.98  User can't eat gluten. << User cannot eat gluten.
same      0.99  User was born on 3 May 1990. << User was born on May 3, 1990.
same      0.96  User's husband's name is Omar. << User's husband is called Omar.
same      0.89  User studies law in Ghent. << User is studying law in Ghent.
replaces  0.52  User has settled in Lyon since the summer. << User lives in Nantes.
replaces  0.45  User's current city is Denver. << User lives in Austin.
replaces  0.45  User recently got a new position as a product owner at Adyen. << User is a business analyst at ING.
replaces  0.78  User's wife and User have separated. << User is married.
replaces  0.71  User changed their phone number to 555-0199. << User's phone number is 555-0123.
replaces  0.79  User's go-to programming language is Go these days. << User's go-to programming language is Python.
replaces  0.95  User's parental leave starts on 1 September. << User's parental leave starts on 1 August.
replaces  0.89  User wants answers without tables from now on. << User wants answers with tables.
replaces  0.86  User asked to use a formal tone. << User asked to use a casual tone.
replaces  0.91  User has given up on learning the guitar. << User is learning the guitar.
replaces  0.86  User sold the boat. << User owns a boat.
replaces  0.92  User now takes 20 mg of the medication daily. << User takes 10 mg of the medication daily.
replaces  0.94  The team's stand-up is at 9:30. << The team's stand-up is at 10:00.
replaces  0.44  User's car is a Kia Niro. << User drives a Peugeot 208.
replaces  0.90  User weighs 70 kg. << User's weight is 74 kg.
replaces  0.79  User's landlord is Mr Brown. << User's landlord is Ms Green.
replaces  0.59  User lives alone in Leeds. << User lives in York.
replaces  0.62  User's flat is in Utrecht now; they left Ghent in May. << User lives in Ghent.
replaces  0.84  User is a tech lead at Adyen as of this month. << User is a software engineer at Adyen.
replaces  0.56  User's favourite dish is now bibimbap. << User's favorite dish is lasagne.
replaces  0.77  User's interview was rescheduled for Thursday at 3 pm. << User's interview is on Tuesday at 3 pm.
replaces  0.81  User doesn't drink alcohol anymore. << User drinks alcohol.
replaces  0.68  User's dog's name is Otto. << User's dog is called Bruno.
replaces  0.57  User wants the assistant to call them Dr Lima. << The user asked to be called Ana.
replaces  0.68  The user asked to write in British English. << The user asked to write in French.
replaces  0.78  User's laptop is a ThinkPad. << User's laptop is a MacBook Air.
replaces  0.94  User's timezone is now UTC+2. << User's timezone is UTC+1.
replaces  0.86  User is 28. << User is 27 years old.
replaces  0.48  User moved house and lives in Delft. << User lives in Leiden.
replaces  0.85  User stopped being vegetarian. << User is vegetarian.
neither   0.70  User lives near Lisbon airport during the week. << User's parents live in Lisbon.
neither   0.42  User works in Paris. << User lives in Reims.
neither   0.25  User is writing a novel set in Rome. << User lives in Porto.
neither   0.44  User's flatmate moved to Leeds. << User lives in York.
neither   0.42  User's friend Omar is called Omi. << User is called Sam.
neither   0.33  User drives to Leeds on Fridays. << User drives a Peugeot 208.
neither   0.48  User's sister is married. << User is single.
neither   0.46  User isn't looking for a new job. << User works at ING.
neither   0.60  User got a promotion at ING. << User works at ING as an analyst.
neither   0.79  User has a 3-year-old daughter. << User has 2 daughters.
neither   0.82  User's phone bill is 30 EUR. << User's internet bill is 40 EUR.
neither   0.70  User is flying to Oslo at 9:00. << User is flying to Rome at 10:00.
neither   0.33  User has visited 12 countries. << User has 3 siblings.
neither   0.86  User thinks tea is better than coffee for sleep. << User thinks coffee is better than tea for work.
neither   0.37  User attended a talk at Google. << User works at Meta.
neither   0.45  User's website is done. << User's app is in beta.
neither   0.40  The user asked for a short poem. << The user asked to keep answers detailed.
neither   0.66  The user asked to answer in one sentence when the question is simple. << The user asked to give detailed answers.
neither   0.47  User is Portuguese. << User is 34 years old.
neither   0.61  User used to be a nurse. << User is a teacher.
neither   0.44  User has moved the meeting with Lea to Friday. << User's meeting with Omar is on Monday.
neither   0.45  User learned to like olives. << User dislikes anchovies.
neither   0.93  User's new flat has 3 rooms. << User's old flat has 2 rooms.
neither   0.47  User read that Anna moved to Leeds. << User lives in York.
neither   0.91  User took 2 days off in May. << User took 3 days off in June.
neither   0.54  User's cousin now works at Bosch. << User works at ING.
neither   0.38  User's son moved to Delft. << User lives in Leiden.
neither   0.63  User is learning Korean. << User is learning Greek.
neither   0.28  User likes Delft. << User lives in Leiden.
neither   0.68  User has lunch with Omar on Fridays. << User has lunch with Lea on Mondays.
neither   0.29  User moved their savings to ING. << User lives in Leiden.
neither   0.27  User moved to Python 3.13. << User lives in Leiden.
neither   0.77  User joined Netflix. << User likes Netflix.
neither   0.30  User joined Netflix's beta program. << User works at Adyen.
neither   0.27  User left Twitter. << User works at Adyen.
neither   0.47  User is called by Adyen every week. << User's name is Ana.
neither   0.33  User bought a Kia for their daughter. << User drives a Peugeot 208.
neither   0.39  User's previous car was a Kia. << User drives a Peugeot 208.
neither   0.75  User's work laptop is a ThinkPad. << User's laptop is a MacBook Air.
neither   0.83  User's work email is ana@work.example. << User's email is ana@home.example.
neither   0.40  User's favorite song of Wilco is Impossible Germany. << User's favorite song of Radiohead is Nude.
neither   0.39  User was on holiday in Delft. << User lives in Leiden.
neither   0.31  User lives in fear of spiders. << User lives in Leiden.
neither   0.68  User is single and happy. << User is single and a nurse.
neither   0.79  User works at Adyen and at a café. << User works at Adyen.
neither   0.72  The user asked to answer in French if the question is in French. << The user asked to answer in English.
neither   0.63  User drives a Tesla at work. << User drives a Peugeot 208.
neither   0.31  User told Ana that Ben lives in Delft. << User lives in Leiden.
neither   0.29  User can't move to Delft. << User lives in Leiden.
neither   0.46  User doesn't live in Delft. << User lives in Leiden.
neither   0.62  User's appointment at the dentist is on Monday. << User's appointment at the bank is on Tuesday.
"""  # noqa: E501
"""Written after the rules stood, by which they were judged once more and then mended."""

LONG = """
same      0.99  The user described how they commute to the office by bicycle along the canal on most days of the week. << The user described how they commute to the office by bike along the canal on most days of the week.
same      1.00  The user explained that they would rather receive one long email per week than many short messages every day. << User explained that they would rather receive one long email per week than many short messages every day.
same      0.99  User attends a pottery class each week in the community centre near the station with two friends from work. << User attends a pottery class every week in the community centre near the station with two friends from work.
same      0.99  El usuario prefiere recibir las respuestas en forma de lista corta con ejemplos claros. << El usuario prefiere recibir respuestas en forma de una lista corta con ejemplos claros.
neither   0.82  The user mentioned that they practise the cello for an hour every evening before dinner with their teacher. << The user mentioned that they practise the violin for an hour every evening before dinner with their teacher.
neither   0.93  User prefers to receive the weekly summary of the project as a document rather than as a message in chat. << User prefers to receive the weekly summary of the project as a spreadsheet rather than as a message in chat.
neither   0.84  User wants the report to include charts about sales in all of the regions that the company operates in. << User wants the report to include tables about sales in all of the regions that the company operates in.
neither   0.76  User takes their medication against asthma in the kitchen with a large glass of cold water and some bread. << User takes their medication against migraine in the kitchen with a large glass of cold water and some bread.
neither   0.99  The user explained that the pain in their knee gets worse when they run on hard ground in winter. << The user explained that the pain in their knee gets better when they run on hard ground in winter.
neither   0.98  The user explained that the deployment of the service failed because the database was unreachable from the cluster. << The user explained that the deployment of the service succeeded because the database was unreachable from the cluster.
neither   0.98  User bought shares of a small solar company and plans to keep them for as long as possible. << User sold shares of a small solar company and plans to keep them for as long as possible.
neither   0.73  User would like to be reminded to water the tomatoes on the balcony when it has been hot and dry. << User would like to be reminded to water the cucumbers on the balcony when it has been hot and dry.
neither   0.91  user's grandmother in lisbon is teaching them to cook the traditional dishes of the family on video calls << user's grandmother in madrid is teaching them to cook the traditional dishes of the family on video calls
neither   0.96  Der Nutzer erzählte, dass sein Bruder jeden Sonntag mit der ganzen Familie im Garten frühstückt und danach spazieren geht. << Der Nutzer erzählte, dass sein Vater jeden Sonntag mit der ganzen Familie im Garten frühstückt und danach spazieren geht.
neither   0.94  L'utilisateur explique que sa fille apprend le piano depuis trois ans avec une professeure du quartier. << L'utilisateur explique que son fils apprend le piano depuis trois ans avec une professeure du quartier.
neither   0.93  L'utilisateur aime marcher en montagne en été avec ses amis d'enfance et leurs enfants. << L'utilisateur aime marcher en montagne en hiver avec ses amis d'enfance et leurs enfants.
neither   1.00  El usuario dice que su hermana trabaja en un hospital grande cerca de la estación de tren. << El usuario dice que su hermano trabaja en un hospital grande cerca de la estación de tren.
neither   0.94  User is preparing for a half marathon in autumn and runs along the river three times a week after work. << User is training for a half marathon in autumn and runs along the river three times a week after work.
"""  # noqa: E501
"""Long texts that differ in one word: vectors are blind to it."""
